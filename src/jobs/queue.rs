//! The queue: jobs are rows, written in the transaction of what asks for them, so that both are there or neither.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect,
};
use uuid::Uuid;

use super::kinds::Job;
use crate::core::database::Db;
pub use crate::entities::job::Status;
use crate::entities::job::{ActiveModel, Column, Entity, Model};
use crate::error::{Error, Result};

/// The channel on which PostgreSQL tells the workers of other processes that there is something to do.
pub const CHANNEL: &str = "jobs";
/// What somebody waits for goes before what nobody does.
const PRIORITY_NORMAL: i16 = 0;
const PRIORITY_LOW: i16 = -10;
/// How long it is known that a job was done.
const DONE_RETENTION: TimeDelta = TimeDelta::days(1);

/// Adds a job to what the transaction writes, to be run at this time or a later one. It is there when that is committed;
/// wake the workers then.
///
/// # Errors
/// When the database cannot be reached.
pub async fn enqueue(transaction: &DatabaseTransaction, job: &Job, run_at: DateTime<Utc>) -> Result<Uuid> {
    let id = Uuid::now_v7();
    Entity::insert(row(id, job, PRIORITY_NORMAL, run_at)?).exec_without_returning(transaction).await?;
    // Delivered by the commit, and not without it.
    if transaction.get_database_backend() == DbBackend::Postgres {
        transaction.execute_unprepared(&format!("NOTIFY {CHANNEL}")).await?;
    }
    Ok(id)
}

/// Adds a job unless one with this key was added before, by whichever process. Whether it was added.
///
/// # Errors
/// When the database cannot be reached.
pub async fn enqueue_once(db: &Db, job: &Job, key: String, run_at: DateTime<Utc>) -> Result<bool> {
    let row = ActiveModel { unique_key: Set(Some(key)), ..row(Uuid::now_v7(), job, PRIORITY_LOW, run_at)? };
    let unless_there = OnConflict::column(Column::UniqueKey).do_nothing().to_owned();
    Ok(Entity::insert(row).on_conflict(unless_there).exec_without_returning(db).await? > 0)
}

fn row(id: Uuid, job: &Job, priority: i16, run_at: DateTime<Utc>) -> Result<ActiveModel> {
    let payload = serde_json::to_value(job).map_err(Error::internal)?;
    Ok(ActiveModel {
        id: Set(id),
        kind: Set(payload["kind"].as_str().unwrap_or_default().to_owned()),
        payload: Set(payload.to_string()),
        status: Set(Status::Queued),
        priority: Set(priority),
        run_at: Set(run_at),
        attempts: Set(0),
        unique_key: Set(None),
        worker_id: Set(None),
        leased_until: Set(None),
        last_error: Set(None),
        finished_at: Set(None),
    })
}

/// The newest jobs of a status.
///
/// # Errors
/// When the database cannot be reached.
pub async fn list(db: &Db, status: Status, limit: u64) -> Result<Vec<Model>, DbErr> {
    let newest = Entity::find().filter(Column::Status.eq(status)).order_by_desc(Column::Id).limit(limit);
    newest.all(db).await
}

/// How many jobs have the status.
///
/// # Errors
/// When the database cannot be reached.
pub async fn count(db: &Db, status: Status) -> Result<u64, DbErr> {
    Entity::find().filter(Column::Status.eq(status)).count(db).await
}

fn dead(ids: &[Uuid]) -> Condition {
    let these = (!ids.is_empty()).then(|| Column::Id.is_in(ids.iter().copied()));
    Condition::all().add(Column::Status.eq(Status::Dead)).add_option(these)
}

/// Queues dead letters again, these or all, with all their attempts. How many there were.
///
/// # Errors
/// When the database cannot be reached.
pub async fn retry(db: &Db, ids: &[Uuid], now: DateTime<Utc>) -> Result<u64, DbErr> {
    let queued = Entity::update_many()
        .col_expr(Column::Status, Expr::value(Status::Queued))
        .col_expr(Column::RunAt, Expr::value(now))
        .col_expr(Column::Attempts, Expr::value(0))
        .col_expr(Column::FinishedAt, Expr::value(None::<DateTime<Utc>>))
        .filter(dead(ids))
        .exec(db)
        .await?;
    Ok(queued.rows_affected)
}

/// Deletes dead letters, these or all. How many there were.
///
/// # Errors
/// When the database cannot be reached.
pub async fn purge(db: &Db, ids: &[Uuid]) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(dead(ids)).exec(db).await?.rows_affected)
}

/// Deletes what was done a while ago. Dead letters stay until an operator has seen them.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    let past = Condition::all().add(Column::Status.eq(Status::Done)).add(Column::FinishedAt.lt(now - DONE_RETENTION));
    Ok(Entity::delete_many().filter(past).exec(db).await?.rows_affected)
}
