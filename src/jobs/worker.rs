//! Claims jobs and runs them on tasks of their own.

use std::pin::pin;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::execute::execute;
use super::lease::{self, ClaimedJob, Kinds, LeaseOptions};
use super::running::Running;
use super::{Context, listen, maintenance, within_timeout};
use crate::server::Readiness;

/// How often to look for due jobs without a notification: delayed jobs, retries, and other processes on SQLite.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// How long returning unfinished jobs to the queue may take during the shutdown.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(1);

/// Runs jobs until the shutdown starts, then finishes those that have started. Jobs that take longer than a third of
/// the grace period are returned to the queue.
pub async fn work(context: Context, readiness: Readiness) {
    let options = options(&context);
    let running = Running::default();
    let mut tasks = JoinSet::new();
    let mut draining = pin!(readiness.draining());
    let mut listening = pin!(listen::run(&context));
    let mut maintenance = pin!(maintenance::run(&context, &options, &running));
    loop {
        let free = context.settings.concurrency.saturating_sub(tasks.len());
        let claimed = tokio::select! {
            // A job that is being claimed right now is released below, or waits for its lease to expire.
            () = &mut draining => break,
            claimed = claim(&context, &options, free, running.mails()) => claimed,
        };
        for claimed in claimed {
            let (context, running) = (context.clone(), running.clone());
            running.add(&claimed);
            tasks.spawn(async move {
                execute(&context, &options, &claimed).await;
                running.remove(&claimed);
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
    release(&context, &options).await;
}

/// Runs every job that is due at this time, one after the other.
///
/// # Errors
/// When the database cannot be reached.
pub async fn run_due_jobs(context: &Context, now: DateTime<Utc>) -> Result<(), DbErr> {
    let options = options(context);
    loop {
        let claimed = lease::claim(&context.accounts.db, &options, 1, Kinds::All, now).await?;
        let Some(claimed) = claimed.into_iter().next() else { return Ok(()) };
        execute(context, &options, &claimed).await;
    }
}

fn options(context: &Context) -> LeaseOptions {
    LeaseOptions {
        worker: Uuid::now_v7(),
        lease: TimeDelta::seconds(context.settings.lease_seconds.into()),
        max_attempts: context.settings.max_attempts,
    }
}

/// Claims jobs for the free slots. Mails get at most three quarters of all slots, so that a slow mail server does not
/// stop other jobs.
async fn claim(context: &Context, options: &LeaseOptions, free: usize, mails: usize) -> Vec<ClaimedJob> {
    let mail_share = (context.settings.concurrency * 3 / 4).max(1);
    let free_for_mails = mail_share.saturating_sub(mails).min(free);
    let mut claimed = claim_kinds(context, options, free_for_mails, Kinds::All).await;
    if claimed.len() == free_for_mails {
        claimed.extend(claim_kinds(context, options, free - free_for_mails, Kinds::WithoutMail).await);
    }
    claimed
}

async fn claim_kinds(context: &Context, options: &LeaseOptions, count: usize, kinds: Kinds) -> Vec<ClaimedJob> {
    if count == 0 {
        return Vec::new();
    }
    let claim = lease::claim(&context.accounts.db, options, count, kinds, context.accounts.now());
    within_timeout(claim).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "claiming jobs failed");
        Vec::new()
    })
}

async fn release(context: &Context, options: &LeaseOptions) {
    match timeout(RELEASE_TIMEOUT, lease::release(&context.accounts.db, options)).await {
        Ok(Ok(0)) => {}
        Ok(Ok(count)) => tracing::warn!(count, "unfinished jobs returned to the queue"),
        Ok(Err(_)) | Err(_) => tracing::warn!("unfinished jobs will run again when their leases have expired"),
    }
}
