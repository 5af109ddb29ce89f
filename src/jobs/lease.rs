//! Taking jobs: a worker takes one for a while, its lease; one that is gone does not extend it, and another takes
//! the job over.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, LockBehavior, LockType, Query};
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, Order, QueryFilter, UpdateMany};
use uuid::Uuid;

use crate::core::database::Db;
use crate::entities::job::{Column, Entity, Model, Status};
use crate::jobs::kinds::Job;

/// The first wait after a failure, which doubles with each further one, and the longest.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(2);
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(1);
/// Characters that are kept of what an attempt failed with.
const ERROR_LENGTH: usize = 1000;

/// A job that was claimed.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// The job's id.
    pub id: Uuid,
    /// Its kind.
    pub kind: String,
    /// The job, if this version of the program knows its kind.
    pub job: Result<Job, String>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    worker: Uuid,
}

/// Who takes jobs, and on what options.
#[derive(Debug, Clone, Copy)]
pub struct LeaseOptions {
    /// The worker.
    pub worker: Uuid,
    /// How long a job is his without a sign of life.
    pub lease: TimeDelta,
    /// After how many attempts a job is given up.
    pub max_attempts: u32,
}

/// Takes up to `count` of the jobs whose time has come, the most urgent first.
///
/// # Errors
/// When the database cannot be reached.
pub async fn claim(db: &Db, options: &LeaseOptions, count: u64, now: DateTime<Utc>) -> Result<Vec<ClaimedJob>, DbErr> {
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(Condition::all().add(Column::Status.eq(Status::Queued)).add(Column::RunAt.lte(now)))
        .order_by(Column::Priority, Order::Desc)
        .order_by(Column::RunAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(count)
        // On PostgreSQL workers pass over what others are taking; SQLite lets one write at a time.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .take();
    let mut rows = Entity::update_many()
        .col_expr(Column::Status, Expr::value(Status::Running))
        .col_expr(Column::WorkerId, Expr::value(options.worker))
        .col_expr(Column::LeasedUntil, Expr::value(now + options.lease))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::Id.in_subquery(due))
        .exec_with_returning(db)
        .await?;
    rows.sort_by_key(|row| (-row.priority, row.run_at, row.id));
    let claimed = |row: Model| ClaimedJob {
        id: row.id,
        kind: row.kind,
        job: serde_json::from_str(&row.payload).map_err(|error| error.to_string()),
        attempt: row.attempts.unsigned_abs(),
        worker: options.worker,
    };
    Ok(rows.into_iter().map(claimed).collect())
}

/// Nobody's any more, with this status.
fn release_as(status: Status) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(status))
        .col_expr(Column::WorkerId, Expr::value(None::<Uuid>))
        .col_expr(Column::LeasedUntil, Expr::value(None::<DateTime<Utc>>))
}

/// Still the worker's: whoever lost the lease has no say any more.
fn held(claimed: &ClaimedJob) -> Condition {
    Condition::all()
        .add(Column::Id.eq(claimed.id))
        .add(Column::Status.eq(Status::Running))
        .add(Column::WorkerId.eq(claimed.worker))
}

/// Writes down that a job is done.
///
/// # Errors
/// When the database cannot be reached: then the lease ends, and the job is run again.
pub async fn done(db: &Db, claimed: &ClaimedJob, now: DateTime<Utc>) -> Result<(), DbErr> {
    release_as(Status::Done)
        .col_expr(Column::FinishedAt, Expr::value(now))
        .filter(held(claimed))
        .exec(db)
        .await
        .map(|_| ())
}

/// Writes down that an attempt failed: the job is run again after a while, or is a dead letter if it failed for good
/// or too often. When it is run again.
///
/// # Errors
/// As for [`done`].
pub async fn failed(
    db: &Db,
    options: &LeaseOptions,
    claimed: &ClaimedJob,
    (error, for_good): (&str, bool),
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let again = (!for_good && claimed.attempt < options.max_attempts).then(|| now + wait(claimed.attempt, jitter()));
    let error: String = error.chars().take(ERROR_LENGTH).collect();
    release_as(if again.is_some() { Status::Queued } else { Status::Dead })
        .col_expr(Column::RunAt, Expr::value(again.unwrap_or(now)))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::FinishedAt, Expr::value(again.is_none().then_some(now)))
        .filter(held(claimed))
        .exec(db)
        .await?;
    Ok(again)
}

/// How long to wait after the failure of this attempt: twice as long each time, give or take half of it, so
/// that what failed together does not come again together.
fn wait(attempt: u32, jitter: f64) -> TimeDelta {
    let doubled = FIRST_WAIT * 2_i32.pow(attempt.clamp(1, 20) - 1);
    let milliseconds = doubled.min(LONGEST_WAIT).num_milliseconds();
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "an hour is not that long")]
    TimeDelta::milliseconds((milliseconds as f64 * (0.5 + jitter)) as i64)
}

/// A number from 0 to 1.
fn jitter() -> f64 {
    // Without randomness, which no system is, waits are not spread.
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

/// A sign of life: extends the worker's leases of the jobs that it is running. Others of its jobs, of which it does not
/// know or could not write down the end, are left to their leases.
///
/// # Errors
/// When the database cannot be reached.
pub async fn extend(db: &Db, options: &LeaseOptions, running: Vec<Uuid>, now: DateTime<Utc>) -> Result<(), DbErr> {
    if running.is_empty() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::LeasedUntil, Expr::value(now + options.lease))
        .filter(Column::Status.eq(Status::Running))
        .filter(Column::WorkerId.eq(options.worker))
        .filter(Column::Id.is_in(running))
        .exec(db)
        .await
        .map(|_| ())
}

/// Queues what the worker has claimed and not finished, as if he had not claimed it.
///
/// # Errors
/// When the database cannot be reached: then the leases end.
pub async fn release(db: &Db, options: &LeaseOptions) -> Result<u64, DbErr> {
    let his = Condition::all().add(Column::Status.eq(Status::Running)).add(Column::WorkerId.eq(options.worker));
    let released = release_as(Status::Queued)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))
        .filter(his)
        .exec(db)
        .await?;
    Ok(released.rows_affected)
}

/// Queues the jobs of workers that are gone. One whose workers keep dying is a dead letter: it may be what kills them.
/// How many there were.
///
/// # Errors
/// When the database cannot be reached.
pub async fn reclaim_expired(db: &Db, options: &LeaseOptions, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let orphaned = || Condition::all().add(Column::Status.eq(Status::Running)).add(Column::LeasedUntil.lt(now));
    let change = |status: Status| {
        release_as(status)
            .col_expr(Column::LastError, Expr::value("the worker was gone"))
            .col_expr(Column::FinishedAt, Expr::value((status == Status::Dead).then_some(now)))
            .filter(orphaned())
    };
    let too_often = Column::Attempts.gte(options.max_attempts);
    let dead = change(Status::Dead).filter(too_often).exec(db).await?;
    let again = change(Status::Queued).exec(db).await?;
    Ok(dead.rows_affected + again.rows_affected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_an_hour_and_are_spread() {
        let waits = [1, 2, 3, 11, 12, 1000].map(|attempt| wait(attempt, 0.5).num_seconds());
        assert_eq!(waits, [2, 4, 8, 2048, 3600, 3600]);
        assert_eq!((wait(1, 0.0).num_milliseconds(), wait(1, 1.0).num_milliseconds()), (1000, 3000));
    }
}
