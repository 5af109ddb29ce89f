//! Runs jobs.

use std::collections::HashSet;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use uuid::Uuid;

use super::lease::{self, ClaimedJob, LeaseOptions};
use super::queue::{self, Status};
use super::{Context, Failure, kinds, listen, schedule};
use crate::core::telemetry::milliseconds;
use crate::error::Error;
use crate::server::Readiness;

/// How often to look for jobs without being told of any: those of later, and of other processes on SQLite.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long the database may take over a statement: one that is frozen says nothing for ever.
const TIMEOUT: Duration = Duration::from_secs(6);

/// How long giving jobs back may take at the end of the process.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// The jobs that a worker is running now.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<HashSet<Uuid>>>);

impl Running {
    fn change<T>(&self, change: impl FnOnce(&mut HashSet<Uuid>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs jobs until the shutdown starts, then finishes those that have started. Jobs that take longer than a third of the
/// grace period are given back to the queue.
pub async fn work(context: Context, readiness: Readiness) {
    let options = options(&context);
    let running = Running::default();
    let mut tasks = JoinSet::new();
    let mut draining = pin!(readiness.draining());
    let mut listening = pin!(listen::run(&context));
    let mut maintenance = pin!(heartbeat(&context, &options, &running));
    loop {
        let free = context.settings.concurrency - tasks.len();
        let claimed = tokio::select! {
            // A job that is being claimed right now is released below.
            () = &mut draining => break,
            claimed = claim(&context, &options, free) => claimed,
        };
        for claimed in claimed {
            let (context, running) = (context.clone(), running.clone());
            running.change(|running| running.insert(claimed.id));
            tasks.spawn(async move {
                let id = claimed.id;
                execute(&context, &options, claimed).await;
                running.change(|running| running.remove(&id));
            });
        }
        let is_full = tasks.len() >= context.settings.concurrency;
        tokio::select! {
            () = &mut draining => break,
            Some(_) = tasks.join_next() => while tasks.try_join_next().is_some() {},
            () = context.accounts.job_signal.notified(), if !is_full => {}
            () = sleep(POLL_INTERVAL), if !is_full => {}
            () = &mut listening => {}
            () = &mut maintenance => {}
        }
    }
    let finished = timeout(context.shutdown_grace / 3, async { while tasks.join_next().await.is_some() {} });
    tokio::select! {
        outcome = finished => if outcome.is_err() {
            tasks.shutdown().await;
        },
        // Keeps the leases of the jobs that are still running.
        () = &mut maintenance => {}
    }
    match timeout(RELEASE_TIMEOUT, lease::release(&context.accounts.db, &options)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(count)) => tracing::warn!(count, "unfinished jobs returned to the queue"),
        // Without the database, too, the shutdown ends in time.
        Ok(Err(_)) | Err(_) => tracing::warn!("unfinished jobs will run again when their lease has expired"),
    }
}

/// Runs every job whose time has come by then, one after the other, until there is none.
///
/// # Errors
/// When the database cannot be reached.
pub async fn work_off(context: &Context, until: DateTime<Utc>) -> Result<(), DbErr> {
    let options = options(context);
    loop {
        let claimed = lease::claim(&context.accounts.db, &options, 1, until).await?;
        let Some(claimed) = claimed.into_iter().next() else { return Ok(()) };
        execute(context, &options, claimed).await;
    }
}

fn options(context: &Context) -> LeaseOptions {
    LeaseOptions {
        worker: Uuid::now_v7(),
        lease: TimeDelta::seconds(context.settings.lease_seconds.into()),
        max_attempts: context.settings.max_attempts,
    }
}

/// What the database says, if it says anything.
async fn answer<T>(asked: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let silent = |_| DbErr::Custom("the database does not answer".to_owned());
    timeout(TIMEOUT, asked).await.map_err(silent)?
}

async fn claim(context: &Context, options: &LeaseOptions, free: usize) -> Vec<ClaimedJob> {
    if free == 0 {
        return Vec::new();
    }
    let claimed = answer(lease::claim(&context.accounts.db, options, free as u64, context.accounts.now())).await;
    claimed.unwrap_or_else(|error| {
        tracing::warn!(%error, "no jobs could be claimed");
        Vec::new()
    })
}

/// Runs a job and writes down what came of it.
async fn execute(context: &Context, options: &LeaseOptions, claimed: ClaimedJob) {
    let started = Instant::now();
    let outcome = match claimed.job.clone() {
        Ok(job) => {
            let limit = Duration::from_secs(context.settings.timeout_seconds);
            // A job that panics is one that failed, and harms no other.
            let work = AssertUnwindSafe(kinds::run(context, claimed.id, job)).catch_unwind();
            match timeout(limit, work).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(Failure { error: "it panicked".to_owned(), is_permanent: false }),
                Err(_) => Err(Failure { error: "it took too long".to_owned(), is_permanent: false }),
            }
        }
        // Of another version of the program, perhaps: an operator may send it again.
        Err(error) => Err(Failure { error, is_permanent: true }),
    };
    let ClaimedJob { id, kind, attempt, .. } = &claimed;
    let elapsed = started.elapsed();
    metrics::histogram!("job_duration_seconds", "kind" => kind.clone()).record(elapsed.as_secs_f64());
    // Once more if need be, and for as long as it is our job: otherwise it would be run again, although it is done.
    let lease = options.lease.to_std().unwrap_or_default();
    let written = loop {
        match write_down(context, options, &claimed, &outcome).await {
            Err(_) if started.elapsed() < elapsed + lease => sleep(POLL_INTERVAL).await,
            written => break written,
        }
    };
    let count = |outcome| metrics::counter!("jobs_total", "kind" => kind.clone(), "outcome" => outcome).increment(1);
    match (&outcome, written) {
        (_, Err(error)) => {
            tracing::warn!(%id, kind, %error, "what came of a job could not be written down: it will be run again");
        }
        (Ok(()), Ok(_)) => {
            count("done");
            tracing::info!(%id, kind, attempt, duration_ms = milliseconds(elapsed), "job done");
        }
        (Err(Failure { error, .. }), Ok(Some(again))) => {
            count("failed");
            tracing::warn!(%id, kind, attempt, error, %again, "job failed");
        }
        (Err(Failure { error, .. }), Ok(None)) => {
            count("dead");
            tracing::error!(%id, kind, attempt, error, "job failed for good");
        }
    }
}

/// When the job is run again, if it is.
async fn write_down(
    context: &Context,
    options: &LeaseOptions,
    claimed: &ClaimedJob,
    outcome: &Result<(), Failure>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let (db, now) = (&context.accounts.db, context.accounts.now());
    match outcome {
        Ok(()) => answer(lease::done(db, claimed, now)).await.map(|()| None),
        Err(Failure { error, is_permanent }) => {
            answer(lease::failed(db, options, claimed, (error, *is_permanent), now)).await
        }
    }
}

/// Gives signs of life, takes over the jobs of those who give none, and follows the schedule; never ends.
async fn heartbeat(context: &Context, options: &LeaseOptions, running: &Running) {
    let mut ticks = interval(Duration::from_millis(u64::from(context.settings.lease_seconds) * 1000 / 4));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = context.accounts.now();
    loop {
        ticks.tick().await;
        let now = context.accounts.now();
        match timeout(TIMEOUT, maintain(context, options, running, (since, now))).await {
            Ok(Ok(())) => since = now,
            Ok(Err(error)) => tracing::warn!(%error, cause = error.cause(), "the jobs could not be seen to"),
            Err(_) => tracing::warn!("the jobs could not be seen to: the database does not answer"),
        }
    }
}

async fn maintain(
    context: &Context,
    options: &LeaseOptions,
    running: &Running,
    (since, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), Error> {
    let accounts = &context.accounts;
    let ids = running.change(|running| running.iter().copied().collect());
    lease::extend(&accounts.db, options, ids, now).await?;
    let orphaned = lease::reclaim_expired(&accounts.db, options, now).await?;
    if orphaned > 0 {
        tracing::warn!(count = orphaned, "jobs of workers that are gone are run again");
    }
    let scheduled = schedule::enqueue_due(&accounts.db, since, now).await?;
    if orphaned > 0 || scheduled > 0 {
        accounts.job_signal.notify();
    }
    for (name, status) in [("queued", Status::Queued), ("running", Status::Running), ("dead", Status::Dead)] {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        metrics::gauge!("jobs", "status" => name).set(queue::count(&accounts.db, status).await? as f64);
    }
    Ok(())
}
