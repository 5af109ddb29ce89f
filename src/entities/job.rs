//! The table `jobs`: work outside the request that survives a crash.
#![expect(missing_docs, reason = "the column names are self-explanatory")]

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
    /// The data of the job, as JSON.
    #[sea_orm(column_type = "Text")]
    pub payload: String,
    pub status: Status,
    /// Higher ones run first.
    pub priority: i16,
    /// The earliest time to run it.
    pub run_at: DateTimeUtc,
    /// The number of attempts that were started.
    pub attempts: i32,
    /// The worker that runs it, and the end of its lease by the database's clock.
    pub worker_id: Option<Uuid>,
    pub leased_until: Option<DateTimeUtc>,
    #[sea_orm(column_type = "Text")]
    pub last_error: Option<String>,
    pub finished_at: Option<DateTimeUtc>,
    /// When an operator queued it again.
    pub retried_at: Option<DateTimeUtc>,
    // only with observability: begin
    /// The span of the request that queued it (W3C Trace Context).
    #[sea_orm(column_type = "String(StringLen::N(55))")]
    pub traceparent: Option<String>,
    // only with observability: end
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(10))")]
pub enum Status {
    /// Waits for its time and for a worker.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// A worker has claimed it.
    #[sea_orm(string_value = "running")]
    Running,
    /// It is done.
    #[sea_orm(string_value = "done")]
    Done,
    /// It failed permanently or too often. An operator may retry it.
    #[sea_orm(string_value = "dead")]
    Dead,
}

impl ActiveModelBehavior for ActiveModel {}
