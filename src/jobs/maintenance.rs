//! Heartbeats, expired leases, the schedule and the metrics of the queue.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{MissedTickBehavior, interval};

use super::lease::{self, LeaseOptions};
use super::queue::{self, Status}; // only with observability
use super::running::Running;
use super::{Context, schedule, within_timeout};
use crate::error::Result;
use crate::services::account::{AccountContext, api_key};

// only with observability
/// How often the queue is measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(5);

/// Extends the leases of running jobs, reclaims expired ones, follows the schedule, and measures the queue. Never
/// returns.
pub(super) async fn run(context: &Context, options: &LeaseOptions, running: &Running) {
    tokio::join!(
        maintain_regularly(context, options, running),
        measure_regularly(context), // only with observability
    );
}

async fn maintain_regularly(context: &Context, options: &LeaseOptions, running: &Running) {
    // Three heartbeats may fail before a lease expires.
    let mut ticks = interval(Duration::from_millis(u64::from(context.settings.lease_seconds) * 1000 / 4));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = within_timeout(maintain(context, options, running)).await {
            tracing::warn!(%error, cause = error.cause(), "job maintenance failed");
        }
    }
}

async fn maintain(context: &Context, options: &LeaseOptions, running: &Running) -> Result<()> {
    let (accounts, now) = (&context.accounts, context.accounts.now());
    lease::extend(&accounts.db, options, running.ids()).await?;
    let reclaimed = lease::reclaim_expired(&accounts.db, options, now).await?;
    if reclaimed > 0 {
        tracing::warn!(count = reclaimed, "jobs of dead workers reclaimed");
    }
    let scheduled = schedule::enqueue_due(&accounts.db, now).await?;
    if reclaimed > 0 || scheduled > 0 {
        accounts.job_signal.notify();
    }
    Ok(())
}

// only with observability
async fn measure_regularly(context: &Context) {
    let mut ticks = interval(MEASURE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = within_timeout(measure(&context.accounts, context.accounts.now())).await {
            tracing::warn!(%error, cause = error.cause(), "measuring the queue failed");
        }
    }
}

// only with observability
/// Sets the metrics of the database's contents. Every worker reports the same numbers.
async fn measure(accounts: &AccountContext, now: DateTime<Utc>) -> Result<()> {
    // only with api_keys: begin
    let expiring = api_key::count_expiring(&accounts.db, now).await?;
    #[expect(clippy::cast_precision_loss, reason = "a count of keys fits")]
    metrics::gauge!("api_keys_expiring").set(expiring as f64);
    // only with api_keys: end
    for (name, status) in [("queued", Status::Queued), ("running", Status::Running), ("dead", Status::Dead)] {
        #[expect(clippy::cast_precision_loss, reason = "a count of jobs fits")]
        metrics::gauge!("jobs", "status" => name).set(queue::count(&accounts.db, status).await? as f64);
    }
    let oldest = queue::oldest_queued(&accounts.db).await?;
    let age = oldest.map_or(TimeDelta::zero(), |run_at| now - run_at).max(TimeDelta::zero());
    metrics::gauge!("jobs_oldest_queued_seconds").set(age.as_seconds_f64());
    Ok(())
}
