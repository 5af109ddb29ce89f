//! Leases. A worker claims a job for a while and extends the lease while it runs the job. When the lease of a worker
//! that has died expires, another worker claims the job.
//!
//! Leases use the database's clock, so that a process whose clock is wrong neither steals nor loses jobs.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::sea_query::{Expr, LockBehavior, LockType, Query};
use sea_orm::{ColumnTrait, Condition, DbBackend, DbErr, EntityTrait, ExprTrait, Order, QueryFilter, UpdateMany};
use uuid::Uuid;

use super::Failure;
use super::kinds::{Job, MAIL_KINDS};
use super::retry::{Failed, Retry};
use crate::core::database::Db;
use crate::entities::job::{Column, Entity, Model, Status};

/// Characters of an error that are stored.
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
    /// The number of this attempt, from 1.
    pub attempt: u32,
    // only with observability: begin
    /// The span of the request that queued it (W3C Trace Context).
    pub traceparent: Option<String>,
    // only with observability: end
    /// When it was queued, or queued again by an operator.
    queued_at: DateTime<Utc>,
    worker: Uuid,
}

/// A worker, and the options of its leases.
#[derive(Debug, Clone, Copy)]
pub struct LeaseOptions {
    /// The worker.
    pub worker: Uuid,
    /// How long a lease lasts without a heartbeat.
    pub lease: TimeDelta,
    /// Failed attempts before a job is dead.
    pub max_attempts: u32,
}

/// Which kinds of jobs to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// All kinds.
    All,
    /// All but those that send mails.
    WithoutMail,
}

/// What was recorded about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedOutcome {
    /// The job is done.
    Done,
    /// The job runs again at this time.
    Retried(DateTime<Utc>),
    /// The job is dead.
    Dead,
    /// Nothing: the lease was lost, and another worker may run the job, too.
    LeaseLost,
}

/// The database's time plus an offset. Within one statement it is always the same.
fn database_time(backend: DbBackend, offset: TimeDelta) -> Expr {
    let seconds = offset.as_seconds_f64();
    Expr::cust(match backend {
        // In the format in which other times are stored, so that text compares like time.
        DbBackend::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '{seconds:+.3} seconds')"),
        _ => format!("now() + interval '{seconds:.3} seconds'"),
    })
}

/// Claims up to `count` jobs that are due, the most urgent first. A job is due by this process's clock or by the
/// database's, whichever is ahead.
///
/// # Errors
/// When the database cannot be reached.
pub async fn claim(
    db: &Db,
    options: &LeaseOptions,
    count: usize,
    kinds: Kinds,
    now: DateTime<Utc>,
) -> Result<Vec<ClaimedJob>, DbErr> {
    let claimable = (kinds == Kinds::WithoutMail).then(|| Column::Kind.is_not_in(MAIL_KINDS.iter().copied()));
    let database_now = database_time(db.get_database_backend(), TimeDelta::zero());
    let is_due = Condition::any().add(Column::RunAt.lte(now)).add(Expr::col(Column::RunAt).lte(database_now));
    let is_queued = Condition::all().add(Column::Status.eq(Status::Queued)).add(is_due);
    let due = Query::select()
        .column(Column::Id)
        .from(Entity)
        .cond_where(is_queued.add_option(claimable))
        .order_by(Column::Priority, Order::Desc)
        .order_by(Column::RunAt, Order::Asc)
        .order_by(Column::Id, Order::Asc)
        .limit(count as u64)
        // On PostgreSQL workers skip jobs that others are claiming; SQLite has one writer at a time.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .take();
    let is_chosen = match db.get_database_backend() {
        // `IN` may be planned as a loop that runs the subquery again and again. Each run skips the rows of the one
        // before, so that more than `count` jobs would be claimed. An array is made once.
        DbBackend::Postgres => {
            let due = Expr::SubQuery(None, Box::new(due.into()));
            Expr::cust_with_exprs("$1 = ANY(ARRAY $2)", [Expr::col(Column::Id), due])
        }
        _ => Column::Id.in_subquery(due),
    };
    let mut rows = Entity::update_many()
        .col_expr(Column::Status, Expr::value(Status::Running))
        .col_expr(Column::WorkerId, Expr::value(options.worker))
        .col_expr(Column::LeasedUntil, database_time(db.get_database_backend(), options.lease))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(is_chosen)
        .exec_with_returning(db)
        .await?;
    rows.sort_by_key(|row| (-row.priority, row.run_at, row.id));
    let claimed = |row: Model| ClaimedJob {
        queued_at: row.retried_at.unwrap_or_else(|| time_of(row.id)),
        id: row.id,
        kind: row.kind,
        job: serde_json::from_str(&row.payload).map_err(|error| error.to_string()),
        attempt: row.attempts.unsigned_abs(),
        traceparent: row.traceparent, // only with observability
        worker: options.worker,
    };
    Ok(rows.into_iter().map(claimed).collect())
}

/// The time in an id of version 7.
fn time_of(id: Uuid) -> DateTime<Utc> {
    let (seconds, _) = id.get_timestamp().map(|timestamp| timestamp.to_unix()).unwrap_or_default();
    DateTime::from_timestamp(seconds.cast_signed(), 0).unwrap_or_default()
}

/// Sets the status and clears the lease.
fn unlease(status: Status) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(status))
        .col_expr(Column::WorkerId, Expr::value(None::<Uuid>))
        .col_expr(Column::LeasedUntil, Expr::value(None::<DateTime<Utc>>))
}

/// The claimed job, unless its lease was lost.
fn still_leased(claimed: &ClaimedJob) -> Condition {
    Condition::all()
        .add(Column::Id.eq(claimed.id))
        .add(Column::Status.eq(Status::Running))
        .add(Column::WorkerId.eq(claimed.worker))
}

/// Records that a job is done.
///
/// # Errors
/// When the database cannot be reached. The lease then expires, and the job runs again.
pub async fn done(db: &Db, claimed: &ClaimedJob, now: DateTime<Utc>) -> Result<RecordedOutcome, DbErr> {
    let update = unlease(Status::Done).col_expr(Column::FinishedAt, Expr::value(now)).filter(still_leased(claimed));
    let updated = update.exec(db).await?;
    Ok(if updated.rows_affected == 0 { RecordedOutcome::LeaseLost } else { RecordedOutcome::Done })
}

/// Records that an attempt failed. The job runs again later, or is dead.
///
/// # Errors
/// As for [`done`].
pub async fn failed(
    db: &Db,
    options: &LeaseOptions,
    claimed: &ClaimedJob,
    failure: &Failure,
    now: DateTime<Utc>,
) -> Result<RecordedOutcome, DbErr> {
    let attempt = Failed { attempt: claimed.attempt, max_attempts: options.max_attempts, age: now - claimed.queued_at };
    let retry_at = failure.retry.delay(&attempt).map(|delay| now + delay);
    let error: String = failure.error.chars().take(ERROR_LENGTH).collect();
    let uncounted = i32::from(failure.retry == Retry::Outage);
    let updated = unlease(if retry_at.is_some() { Status::Queued } else { Status::Dead })
        .col_expr(Column::RunAt, Expr::value(retry_at.unwrap_or(now)))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(uncounted))
        .col_expr(Column::LastError, Expr::value(error))
        .col_expr(Column::FinishedAt, Expr::value(retry_at.is_none().then_some(now)))
        .filter(still_leased(claimed))
        .exec(db)
        .await?;
    if updated.rows_affected == 0 {
        return Ok(RecordedOutcome::LeaseLost);
    }
    Ok(retry_at.map_or(RecordedOutcome::Dead, RecordedOutcome::Retried))
}

/// Extends the leases of the jobs that the worker is running. Jobs whose outcome could not be recorded are left out:
/// their leases expire.
///
/// # Errors
/// When the database cannot be reached.
pub async fn extend(db: &Db, options: &LeaseOptions, running: Vec<Uuid>) -> Result<(), DbErr> {
    if running.is_empty() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::LeasedUntil, database_time(db.get_database_backend(), options.lease))
        .filter(Column::Status.eq(Status::Running))
        .filter(Column::WorkerId.eq(options.worker))
        .filter(Column::Id.is_in(running))
        .exec(db)
        .await
        .map(|_| ())
}

/// Returns the worker's unfinished jobs to the queue. The attempt does not count.
///
/// # Errors
/// When the database cannot be reached. The leases then expire.
pub async fn release(db: &Db, options: &LeaseOptions) -> Result<u64, DbErr> {
    let released = unlease(Status::Queued)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))
        .filter(Column::Status.eq(Status::Running))
        .filter(Column::WorkerId.eq(options.worker))
        .exec(db)
        .await?;
    Ok(released.rows_affected)
}

/// Returns jobs with expired leases to the queue. A job that has used up its attempts is dead: it may be
/// what kills the workers. Returns the number of jobs.
///
/// # Errors
/// When the database cannot be reached.
pub async fn reclaim_expired(db: &Db, options: &LeaseOptions, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let database_now = database_time(db.get_database_backend(), TimeDelta::zero());
    let expired = Expr::col(Column::LeasedUntil).lt(database_now);
    let reclaim = |status: Status| {
        unlease(status)
            .col_expr(Column::LastError, Expr::value("the lease expired"))
            .col_expr(Column::FinishedAt, Expr::value((status == Status::Dead).then_some(now)))
            .filter(Column::Status.eq(Status::Running))
            .filter(expired.clone())
    };
    let dead = reclaim(Status::Dead).filter(Column::Attempts.gte(options.max_attempts)).exec(db).await?;
    let queued = reclaim(Status::Queued).exec(db).await?;
    Ok(dead.rows_affected + queued.rows_affected)
}
