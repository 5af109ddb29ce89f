//! Jobs that run at fixed times.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::kinds::Job;
use super::queue;
use crate::core::database::{Db, begin_write};
use crate::entities::job_schedule::{ActiveModel, Column, Entity};
use crate::error::{Error, Result};

/// A line of the schedule.
struct Scheduled {
    /// The primary key of its record.
    name: &'static str,
    /// Minute, hour, day of the month, month, day of the week; in UTC.
    cron: &'static str,
    job: Job,
}

const SCHEDULE: &[Scheduled] = &[Scheduled { name: "clean_up", cron: "7 * * * *", job: Job::CleanUp }];

/// Queues every job of the schedule that has become due since it was last queued, by any process. Times that were
/// missed while no process ran are made up for by one job. Returns the number of queued jobs.
///
/// # Errors
/// When the database cannot be reached, or a line of the schedule is wrong.
pub async fn enqueue_due(db: &Db, now: DateTime<Utc>) -> Result<usize> {
    let mut count = 0;
    for scheduled in SCHEDULE {
        let cron = Cron::from_str(scheduled.cron).map_err(Error::internal)?;
        let due = cron.find_previous_occurrence(&now, true).map_err(Error::internal)?;
        match Entity::find_by_id(scheduled.name).one(db).await? {
            None => record_first(db, scheduled, due).await?,
            Some(record) if record.last_due_at < due => {
                count += usize::from(enqueue(db, scheduled, record.last_due_at, due).await?);
            }
            Some(_) => {}
        }
    }
    Ok(count)
}

/// On a new database nothing was missed.
async fn record_first(db: &Db, scheduled: &Scheduled, due: DateTime<Utc>) -> Result<()> {
    let record = ActiveModel { name: Set(scheduled.name.to_owned()), last_due_at: Set(due) };
    let unless_recorded = OnConflict::column(Column::Name).do_nothing().to_owned();
    Entity::insert(record).on_conflict(unless_recorded).exec_without_returning(db).await?;
    Ok(())
}

/// Queues the job unless another process has done so since. Returns whether it was queued.
async fn enqueue(db: &Db, scheduled: &Scheduled, last: DateTime<Utc>, due: DateTime<Utc>) -> Result<bool> {
    let transaction = begin_write(db).await?;
    let recorded = Entity::update_many()
        .col_expr(Column::LastDueAt, Expr::value(due))
        .filter(Column::Name.eq(scheduled.name))
        .filter(Column::LastDueAt.eq(last))
        .exec(&transaction)
        .await?;
    if recorded.rows_affected == 0 {
        return Ok(false);
    }
    queue::enqueue_scheduled(&transaction, &scheduled.job, due).await?;
    transaction.commit().await?;
    Ok(true)
}
