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

use super::{Context, Failure, listen, run, schedule};
use crate::core::telemetry::milliseconds;
use crate::error::Error;
use crate::services::job::lease::{self, Taken, Terms};
use crate::services::job::{self, Status};

/// How often to look for jobs without being told of any: those of later, and of other processes on SQLite.
const LOOK: Duration = Duration::from_secs(1);
/// How long the database may take over a statement: one that is frozen says nothing for ever.
const PATIENCE: Duration = Duration::from_secs(6);

/// How long giving jobs back may take at the end of the process.
const RELEASING: Duration = Duration::from_secs(1);

/// The jobs that a worker is running now.
#[derive(Clone, Default)]
struct Running(Arc<Mutex<HashSet<Uuid>>>);

impl Running {
    fn change<T>(&self, change: impl FnOnce(&mut HashSet<Uuid>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs jobs until `stop`, then finishes those it has begun; what is not finished within `grace` is left to others.
pub async fn work(context: Context, stop: impl Future<Output = ()>, grace: Duration) {
    let terms = terms(&context);
    let running = Running::default();
    let mut tasks = JoinSet::new();
    let mut stop = pin!(stop);
    let mut listening = pin!(listen::run(&context));
    let mut keeping = pin!(keep(&context, &terms, &running));
    loop {
        let free = context.settings.concurrency - tasks.len();
        let taken = tokio::select! {
            // What is taken in this moment is released below.
            () = &mut stop => break,
            taken = take(&context, &terms, free) => taken,
        };
        for taken in taken {
            let (context, running) = (context.clone(), running.clone());
            running.change(|running| running.insert(taken.id));
            tasks.spawn(async move {
                let id = taken.id;
                perform(&context, &terms, taken).await;
                running.change(|running| running.remove(&id));
            });
        }
        let is_full = tasks.len() >= context.settings.concurrency;
        tokio::select! {
            () = &mut stop => break,
            Some(_) = tasks.join_next() => while tasks.try_join_next().is_some() {},
            () = context.accounts.wake.woken(), if !is_full => {}
            () = sleep(LOOK), if !is_full => {}
            () = &mut listening => {}
            () = &mut keeping => {}
        }
    }
    let finished = timeout(grace, async { while tasks.join_next().await.is_some() {} });
    tokio::select! {
        outcome = finished => if outcome.is_err() {
            tasks.shutdown().await;
        },
        // A job that takes its time is still ours.
        () = &mut keeping => {}
    }
    match timeout(RELEASING, lease::release(&context.accounts.db, &terms)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(count)) => tracing::warn!(count, "jobs were not finished and are left to others"),
        // Without the database, too, an end comes in time.
        Ok(Err(_)) | Err(_) => tracing::warn!("jobs that were not finished are run again when their lease has ended"),
    }
}

/// Runs every job whose time has come by then, one after the other, until there is none.
///
/// # Errors
/// When the database cannot be reached.
pub async fn work_off(context: &Context, until: DateTime<Utc>) -> Result<(), DbErr> {
    let terms = terms(context);
    loop {
        let taken = lease::take(&context.accounts.db, &terms, 1, until).await?;
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

/// What the database says, if it says anything.
async fn answer<T>(asked: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
    let silent = |_| DbErr::Custom("the database does not answer".to_owned());
    timeout(PATIENCE, asked).await.map_err(silent)?
}

async fn take(context: &Context, terms: &Terms, free: usize) -> Vec<Taken> {
    if free == 0 {
        return Vec::new();
    }
    let taken = answer(lease::take(&context.accounts.db, terms, free as u64, context.accounts.now())).await;
    taken.unwrap_or_else(|error| {
        tracing::warn!(%error, "no jobs could be taken");
        Vec::new()
    })
}

/// Runs a job and writes down what came of it.
async fn perform(context: &Context, terms: &Terms, taken: Taken) {
    let started = Instant::now();
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
    let Taken { id, kind, attempt, .. } = &taken;
    let elapsed = started.elapsed();
    metrics::histogram!("job_duration_seconds", "kind" => kind.clone()).record(elapsed.as_secs_f64());
    // Once more if need be, and for as long as it is our job: otherwise it would be run again, although it is done.
    let lease = terms.lease.to_std().unwrap_or_default();
    let written = loop {
        match write_down(context, terms, &taken, &outcome).await {
            Err(_) if started.elapsed() < elapsed + lease => sleep(LOOK).await,
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
    terms: &Terms,
    taken: &Taken,
    outcome: &Result<(), Failure>,
) -> Result<Option<DateTime<Utc>>, DbErr> {
    let (db, now) = (&context.accounts.db, context.accounts.now());
    match outcome {
        Ok(()) => answer(lease::done(db, taken, now)).await.map(|()| None),
        Err(Failure { error, is_permanent }) => {
            answer(lease::failed(db, terms, taken, (error, *is_permanent), now)).await
        }
    }
}

/// Gives signs of life, takes over the jobs of those who give none, and follows the schedule; never ends.
async fn keep(context: &Context, terms: &Terms, running: &Running) {
    let mut ticks = interval(Duration::from_millis(u64::from(context.settings.lease_seconds) * 1000 / 4));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut since = context.accounts.now();
    loop {
        ticks.tick().await;
        let now = context.accounts.now();
        match timeout(PATIENCE, tend(context, terms, running, (since, now))).await {
            Ok(Ok(())) => since = now,
            Ok(Err(error)) => tracing::warn!(%error, cause = error.cause(), "the jobs could not be seen to"),
            Err(_) => tracing::warn!("the jobs could not be seen to: the database does not answer"),
        }
    }
}

async fn tend(
    context: &Context,
    terms: &Terms,
    running: &Running,
    (since, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<(), Error> {
    let accounts = &context.accounts;
    let ids = running.change(|running| running.iter().copied().collect());
    lease::extend(&accounts.db, terms, ids, now).await?;
    let orphaned = lease::take_back(&accounts.db, terms, now).await?;
    if orphaned > 0 {
        tracing::warn!(count = orphaned, "jobs of workers that are gone are run again");
    }
    let scheduled = schedule::enqueue_due(&accounts.db, since, now).await?;
    if orphaned > 0 || scheduled > 0 {
        accounts.wake.wake();
    }
    for (name, status) in [("queued", Status::Queued), ("running", Status::Running), ("dead", Status::Dead)] {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many")]
        metrics::gauge!("jobs", "status" => name).set(job::count(&accounts.db, status).await? as f64);
    }
    Ok(())
}
