//! What is done again and again, in one list.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use croner::Cron;

use super::kinds::Job;
use super::queue;
use crate::core::database::Db;
use crate::error::{Error, Result};

/// Name, when (minute, hour, day of the month, month, day of the week; in UTC), and what.
const SCHEDULE: &[(&str, &str, Job)] = &[("clean_up", "7 * * * *", Job::CleanUp)];

/// Queues every job of the schedule that has become due after `since`, and until `now`; its last time, if there
/// were several. Of many processes that do so one queues it: name and time are its key. How many this one has.
///
/// # Errors
/// When the database cannot be reached; for an expression that is none.
pub async fn enqueue_due(db: &Db, since: DateTime<Utc>, now: DateTime<Utc>) -> Result<usize> {
    let mut count = 0;
    for (name, expression, what) in SCHEDULE {
        let cron = Cron::from_str(expression).map_err(Error::internal)?;
        let due = cron.find_previous_occurrence(&now, true).map_err(Error::internal)?;
        if due > since && queue::enqueue_once(db, what, format!("{name} {}", due.timestamp()), now).await? {
            count += 1;
        }
    }
    Ok(count)
}
