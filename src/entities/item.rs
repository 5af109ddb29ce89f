//! The table `items`.
#![expect(missing_docs, reason = "the columns are described in schemas::item")]

use sea_orm::entity::prelude::*;

/// Something that a user owns. Amounts are stored in minor units (cents), which both databases keep exactly.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner_id: Uuid,
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub title: String,
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable)]
    pub description: Option<String>,
    pub price: Option<i64>,
    pub tax: Option<i64>,
    #[sea_orm(column_type = "String(StringLen::N(20))")]
    pub condition: String,
    pub available_from: Option<DateTimeUtc>,
    /// Counts the changes: the item's `ETag`.
    pub version: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "owner_id", to = "id", on_delete = "Cascade")]
    pub owner: BelongsTo<super::user::Entity>,
    #[sea_orm(has_many, via = "item_tag")]
    pub tags: HasMany<super::tag::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
