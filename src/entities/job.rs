//! The table `jobs`: work that is done outside the request, and survives a crash.
#![expect(missing_docs, reason = "the columns say what they are")]

use sea_orm::entity::prelude::*;

/// One job.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "String(StringLen::N(40))")]
    pub kind: String,
    /// What the kind needs, in JSON.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub status: Status,
    /// Higher ones run first.
    pub priority: i16,
    /// Not before.
    pub run_at: DateTimeUtc,
    /// How often it was begun.
    pub attempts: i32,
    /// Of jobs with the same key there is one.
    #[sea_orm(column_type = "String(StringLen::N(100))", unique)]
    pub unique_key: Option<String>,
    /// Who runs it, and until when it is his: a worker that is gone does not extend it.
    pub worker_id: Option<Uuid>,
    pub leased_until: Option<DateTimeUtc>,
    #[sea_orm(column_type = "Text")]
    pub last_error: Option<String>,
    pub finished_at: Option<DateTimeUtc>,
}

/// What has become of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(10))")]
pub enum Status {
    /// Waits for its time and a worker.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// A worker has it.
    #[sea_orm(string_value = "running")]
    Running,
    /// It is done.
    #[sea_orm(string_value = "done")]
    Done,
    /// It failed for good: a dead letter, which an operator may send again.
    #[sea_orm(string_value = "dead")]
    Dead,
}

impl ActiveModelBehavior for ActiveModel {}
