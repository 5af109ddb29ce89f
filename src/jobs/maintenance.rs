//! Heartbeats, expired leases, the schedule and the metrics of the queue.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::lease::{self, LeaseOptions};
use super::queue::{self, Status};
use super::running::Running;
use super::{Context, schedule, within_timeout};
use crate::error::Result;

/// Extends the leases of running jobs, reclaims expired ones, and follows the schedule. Never returns.
pub(super) async fn run(context: &Context, options: &LeaseOptions, running: &Running) {
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
    for (name, status) in [("queued", Status::Queued), ("running", Status::Running), ("dead", Status::Dead)] {
        #[expect(clippy::cast_precision_loss, reason = "a count of jobs fits")]
        metrics::gauge!("jobs", "status" => name).set(queue::count(&accounts.db, status).await? as f64);
    }
    Ok(())
}
