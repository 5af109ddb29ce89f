//! The table `tags`.
#![expect(missing_docs, reason = "the column names are self-explanatory")]

use sea_orm::entity::prelude::*;

/// A word that items can be found by, shared by all items that have it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tags")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "String(StringLen::N(30))")]
    pub name: String,
}

impl ActiveModelBehavior for ActiveModel {}
