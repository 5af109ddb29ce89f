//! The queue. A job is a row, written in the transaction of the request that needs it: both are committed, or neither.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::kinds::Job;
use crate::core::database::Db;
use crate::core::telemetry::traces;
pub use crate::entities::job::Status;
use crate::entities::job::{ActiveModel, Column, Entity, Model};
use crate::error::{Error, Result};

/// The channel on which PostgreSQL notifies the workers of other processes.
pub const CHANNEL: &str = "jobs";
/// Jobs that a user waits for run before scheduled ones.
const PRIORITY_NORMAL: i16 = 0;
const PRIORITY_LOW: i16 = -10;
/// How long finished jobs are kept.
const DONE_RETENTION: TimeDelta = TimeDelta::days(1);

/// Adds a job to the transaction. Call [`JobSignal::notify`](super::signal::JobSignal::notify) after the commit.
///
/// `run_at` is by this process's clock. If that clock is ahead, workers of other processes start the job later.
///
/// # Errors
/// When the database cannot be reached.
pub async fn enqueue(transaction: &DatabaseTransaction, job: &Job, run_at: DateTime<Utc>) -> Result<Uuid> {
    insert(transaction, job, PRIORITY_NORMAL, run_at).await
}

/// Adds a scheduled job to the transaction. It runs after all others.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn enqueue_scheduled(
    transaction: &DatabaseTransaction,
    job: &Job,
    run_at: DateTime<Utc>,
) -> Result<Uuid> {
    insert(transaction, job, PRIORITY_LOW, run_at).await
}

async fn insert(transaction: &DatabaseTransaction, job: &Job, priority: i16, run_at: DateTime<Utc>) -> Result<Uuid> {
    let id = Uuid::now_v7();
    let payload = serde_json::to_value(job).map_err(Error::internal)?;
    let row = ActiveModel {
        id: Set(id),
        kind: Set(payload["kind"].as_str().unwrap_or_default().to_owned()),
        payload: Set(payload.to_string()),
        status: Set(Status::Queued),
        priority: Set(priority),
        run_at: Set(run_at),
        attempts: Set(0),
        worker_id: Set(None),
        leased_until: Set(None),
        last_error: Set(None),
        finished_at: Set(None),
        retried_at: Set(None),
        traceparent: Set(traces::traceparent()), // only with observability
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    // Delivered with the commit.
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(&format!("NOTIFY {CHANNEL}")).await?;
    }
    Ok(id)
}

/// The newest jobs of a status.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(db: &Db, status: Status, limit: u64) -> Result<Vec<Model>, DbErr> {
    let newest = Entity::find().filter(Column::Status.eq(status)).order_by_desc(Column::Id).limit(limit);
    newest.all(db).await
}

/// Counts the jobs of a status.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count(db: &Db, status: Status) -> Result<u64, DbErr> {
    Entity::find().filter(Column::Status.eq(status)).count(db).await
}

// only with observability
/// The earliest time of a job that waits.
///
/// # Errors
/// When the database cannot be reached.
pub(super) async fn oldest_queued(db: &Db) -> Result<Option<DateTime<Utc>>, DbErr> {
    let queued = Entity::find().filter(Column::Status.eq(Status::Queued)).select_only();
    Ok(queued.column_as(Column::RunAt.min(), "oldest").into_tuple::<Option<_>>().one(db).await?.flatten())
}

fn dead(ids: &[Uuid]) -> Condition {
    let these = (!ids.is_empty()).then(|| Column::Id.is_in(ids.iter().copied()));
    Condition::all().add(Column::Status.eq(Status::Dead)).add_option(these)
}

/// Queues dead jobs again, with no attempts counted: those with these ids, or all. Returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn retry(db: &Db, ids: &[Uuid], now: DateTime<Utc>) -> Result<u64, DbErr> {
    let queued = Entity::update_many()
        .col_expr(Column::Status, Expr::value(Status::Queued))
        .col_expr(Column::RunAt, Expr::value(now))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::FinishedAt, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::RetriedAt, Expr::value(now))
        .filter(dead(ids))
        .exec(db)
        .await?;
    Ok(queued.rows_affected)
}

/// Deletes dead jobs: those with these ids, or all. Returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn purge(db: &Db, ids: &[Uuid]) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(dead(ids)).exec(db).await?.rows_affected)
}

/// Deletes jobs that finished a day ago. Dead jobs stay until an operator retries or purges them.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    let expired =
        Condition::all().add(Column::Status.eq(Status::Done)).add(Column::FinishedAt.lt(now - DONE_RETENTION));
    Ok(Entity::delete_many().filter(expired).exec(db).await?.rows_affected)
}
