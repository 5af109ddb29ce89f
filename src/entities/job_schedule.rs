//! The table `job_schedule`: the last due time at which each scheduled job was queued.
#![expect(missing_docs, reason = "the column names are self-explanatory")]

use sea_orm::entity::prelude::*;

/// One scheduled job.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "job_schedule")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(40))")]
    pub name: String,
    pub last_due_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
