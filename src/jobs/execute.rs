//! Runs one job and records its outcome.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sea_orm::DbErr;
use tokio::time::{sleep, timeout};
use tracing::Instrument;
use tracing::field::Empty;

use super::lease::{self, ClaimedJob, LeaseOptions, RecordedOutcome};
use super::{Context, Failure, Retry, kinds, within_timeout};
use crate::core::telemetry::{milliseconds, traces};

/// The delay before the next attempt to record an outcome.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Runs a job and records its outcome, as part of the trace of the request that queued it.
pub(super) async fn execute(context: &Context, options: &LeaseOptions, claimed: &ClaimedJob) {
    let span = tracing::info_span!(
        "job", id = %claimed.id,
        otel.kind = Empty, trace_id = Empty, span_id = Empty, // only with observability
    );
    traces::continue_stored_trace(&span, claimed.traceparent.as_deref()); // only with observability
    execute_in_span(context, options, claimed).instrument(span).await;
}

async fn execute_in_span(context: &Context, options: &LeaseOptions, claimed: &ClaimedJob) {
    traces::rename_current(|| format!("job {}", claimed.kind)); // only with observability
    let started = Instant::now();
    let outcome = run(context, claimed).await;
    let elapsed = started.elapsed();
    // only with observability
    metrics::histogram!("job_duration_seconds", "kind" => claimed.kind.clone()).record(elapsed.as_secs_f64());
    let recorded = record(context, options, claimed, &outcome).await;
    log(claimed, elapsed, &outcome, recorded);
}

async fn run(context: &Context, claimed: &ClaimedJob) -> Result<(), Failure> {
    // The kind may belong to another version of the program: an operator can retry the job there.
    let job = claimed.job.clone().map_err(|error| Failure { error, retry: Retry::Never })?;
    let limit = Duration::from_secs(context.settings.timeout_seconds);
    // A job that panics must not end the worker.
    let run = AssertUnwindSafe(kinds::run(context, claimed.id, job)).catch_unwind();
    let failed = |error: &str| Err(Failure { error: error.to_owned(), retry: Retry::WithBackoff });
    match timeout(limit, run).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => failed("panicked"),
        Err(_) => failed("timed out"),
    }
}

/// Records the outcome, retrying for the length of a lease: otherwise a job that is done would run again.
async fn record(
    context: &Context,
    options: &LeaseOptions,
    claimed: &ClaimedJob,
    outcome: &Result<(), Failure>,
) -> Result<RecordedOutcome, DbErr> {
    let db = &context.accounts.db;
    let (started, lease) = (Instant::now(), options.lease.to_std().unwrap_or_default());
    loop {
        let now = context.accounts.now();
        let recorded = match outcome {
            Ok(()) => within_timeout(lease::done(db, claimed, now)).await,
            Err(failure) => within_timeout(lease::failed(db, options, claimed, failure, now)).await,
        };
        if recorded.is_ok() || started.elapsed() >= lease {
            return recorded;
        }
        sleep(RETRY_DELAY).await;
    }
}

fn log(
    claimed: &ClaimedJob,
    elapsed: Duration,
    outcome: &Result<(), Failure>,
    recorded: Result<RecordedOutcome, DbErr>,
) {
    let ClaimedJob { id, kind, attempt, .. } = claimed;
    // only with observability
    let count = |outcome| metrics::counter!("jobs_total", "kind" => kind.clone(), "outcome" => outcome).increment(1);
    let error = outcome.as_ref().err().map(|failure| failure.error.as_str());
    match recorded {
        Err(error) => {
            tracing::warn!(%id, kind, %error, "the outcome of a job could not be recorded: it will run again");
        }
        Ok(RecordedOutcome::LeaseLost) => {
            tracing::warn!(%id, kind, attempt, "lease lost before the outcome was recorded: the job may run twice");
        }
        Ok(RecordedOutcome::Done) => {
            count("done"); // only with observability
            tracing::info!(%id, kind, attempt, duration_ms = milliseconds(elapsed), "job done");
        }
        Ok(RecordedOutcome::Retried(retry_at)) => {
            count("retried"); // only with observability
            tracing::warn!(%id, kind, attempt, error, %retry_at, "job failed, retrying");
        }
        Ok(RecordedOutcome::Dead) => {
            count("dead"); // only with observability
            tracing::error!(%id, kind, attempt, error, "job failed, now dead");
        }
    }
}
