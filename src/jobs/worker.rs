//! Runs jobs.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;

use super::{Context, Failure, listen, run, schedule};
use crate::core::database::Db;
use crate::services::job::lease::{self, Taken, Terms};
use crate::services::job::{self, Status};

/// How often to look for jobs without being told of any: those of later, and of other processes on SQLite.
const LOOK: Duration = Duration::from_secs(1);

/// Runs jobs until `stop`, then finishes those it has begun; what is not finished within `grace` is left to others.
pub async fn work(context: Context, stop: impl Future<Output = ()>, grace: Duration) {
    let terms = terms(&context);
    let mut running = JoinSet::new();
    let mut stop = pin!(stop);
    let mut listening = pin!(listen::run(&context));
    let mut keeping = pin!(keep(&context, &terms));
    loop {
        let free = context.settings.concurrency - running.len();
        let taken = match free {
            0 => Vec::new(),
            free => take(&context, &terms, free).await,
        };
        for taken in taken {
            let context = context.clone();
            running.spawn(async move { perform(&context, &terms, taken).await });
        }
        let is_full = running.len() >= context.settings.concurrency;
        tokio::select! {
            () = &mut stop => break,
            Some(_) = running.join_next() => while running.try_join_next().is_some() {},
            () = context.accounts.wake.woken(), if !is_full => {}
            () = sleep(LOOK), if !is_full => {}
            () = &mut listening => {}
            () = &mut keeping => {}
        }
    }
    let finished = timeout(grace, async { while running.join_next().await.is_some() {} });
    tokio::select! {
        outcome = finished => if outcome.is_err() {
            running.shutdown().await;
        },
        // A job that takes its time is still ours.
        () = &mut keeping => {}
    }
    match lease::release(&context.accounts.db, &terms).await {
        Ok(0) => {}
        Ok(count) => tracing::warn!(count, "jobs were not finished and are left to others"),
        Err(error) => tracing::warn!(%error, "jobs that were not finished are run again when their lease has ended"),
    }
}

/// Runs every job whose time has come, one after the other, until there is none.
///
/// # Errors
/// When the database cannot be reached.
pub async fn work_off(context: &Context) -> Result<(), DbErr> {
    let terms = terms(context);
    loop {
        let taken = lease::take(&context.accounts.db, &terms, 1, context.accounts.now()).await?;
        let Some(taken) = taken.into_iter().next() else { return Ok(()) };
        perform(context, &terms, taken).await;
    }
}

fn terms(context: &Context) -> Terms {
    Terms {
        worker: Uuid::now_v7(),
        lease: TimeDelta::seconds(context.settings.lease_seconds.into()),
        max_attempts: context.settings.max_attempts,
    }
}

async fn take(context: &Context, terms: &Terms, free: usize) -> Vec<Taken> {
    let taken = lease::take(&context.accounts.db, terms, free as u64, context.accounts.now()).await;
    taken.unwrap_or_else(|error| {
        tracing::warn!(%error, "no jobs could be taken");
        Vec::new()
    })
}

/// Runs a job and writes down what came of it.
async fn perform(context: &Context, terms: &Terms, taken: Taken) {
    let started = std::time::Instant::now();
    let outcome = match taken.job.clone() {
        Ok(job) => {
            let limit = Duration::from_secs(context.settings.timeout_seconds);
            // A job that panics is one that failed, and harms no other.
            let work = AssertUnwindSafe(run(context, taken.id, job)).catch_unwind();
            match timeout(limit, work).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Failure { error: "it panicked".to_owned(), is_permanent: false }),
                Err(_) => Err(Failure { error: "it took too long".to_owned(), is_permanent: false }),
            }
        }
        // Of another version of the program, perhaps: an operator may send it again.
        Err(error) => Err(Failure { error, is_permanent: true }),
    };
    let (db, now) = (&context.accounts.db, context.accounts.now());
    let Taken { id, kind, attempt, .. } = &taken;
    metrics::histogram!("job_duration_seconds", "kind" => kind.clone()).record(started.elapsed().as_secs_f64());
    let count = |outcome| metrics::counter!("jobs_total", "kind" => kind.clone(), "outcome" => outcome).increment(1);
    let written = match outcome {
        Ok(()) => {
            count("done");
            tracing::info!(%id, kind, attempt, duration_ms = started.elapsed().as_millis(), "job done");
            lease::done(db, &taken, now).await
        }
        Err(Failure { error, is_permanent }) => {
            let again = lease::failed(db, terms, &taken, (&error, is_permanent), now).await;
            match &again {
                Ok(Some(again)) => {
                    count("failed");
                    tracing::warn!(%id, kind, attempt, error, %again, "job failed");
                }
                Ok(None) => {
                    count("dead");
                    tracing::error!(%id, kind, attempt, error, "job failed for good");
                }
                Err(_) => {}
            }
            again.map(|_| ())
        }
    };
    if let Err(error) = written {
        tracing::warn!(%id, kind, %error, "what came of a job could not be written down: it will be run again");
    }
}

/// Gives signs of life, takes over the jobs of those who give none, and follows the schedule; never ends.
async fn keep(context: &Context, terms: &Terms) {
    let (db, accounts) = (&context.accounts.db, &context.accounts);
    let mut ticks = interval(Duration::from_millis(u64::from(context.settings.lease_seconds) * 1000 / 4));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = accounts.now();
    loop {
        ticks.tick().await;
        let now = accounts.now();
        if let Err(error) = lease::extend(db, terms, now).await {
            tracing::warn!(%error, "the leases of jobs could not be extended");
        }
        match lease::take_back(db, terms, now).await {
            Ok(0) => {}
            Ok(count) => {
                tracing::warn!(count, "jobs of workers that are gone are run again");
                accounts.wake.wake();
            }
            Err(error) => tracing::warn!(%error, "jobs of workers that are gone could not be taken over"),
        }
        if let Err(error) = measure(db).await {
            tracing::debug!(%error, "the jobs could not be counted");
        }
        match schedule::enqueue_due(db, since, now).await {
            Ok(0) => since = now,
            Ok(_) => {
                since = now;
                accounts.wake.wake();
            }
            Err(error) => tracing::warn!(%error, cause = error.cause(), "the schedule could not be followed"),
        }
    }
}

/// Tells how many jobs wait, are being run, or were given up.
async fn measure(db: &Db) -> Result<(), DbErr> {
    for (name, status) in [("queued", Status::Queued), ("running", Status::Running), ("dead", Status::Dead)] {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        metrics::gauge!("jobs", "status" => name).set(job::count(db, status).await? as f64);
    }
    Ok(())
}
