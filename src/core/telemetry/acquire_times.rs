//! Measures how long it takes to get a connection from the pool. The driver reports it by an event only.

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Seconds. Acquisitions that take longer count as waits.
const LONGEST_WITHOUT_WAITING: f64 = 0.001;

/// Whether the driver reports that a connection was taken from the pool.
pub(super) fn is_about_acquiring(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "sqlx::pool::acquire"
}

/// Reads the events of the driver.
pub(super) struct AcquireTimes;

impl<S: Subscriber> Layer<S> for AcquireTimes {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut AcquireTime);
    }
}

struct AcquireTime;

impl Visit for AcquireTime {
    fn record_f64(&mut self, field: &Field, seconds: f64) {
        if field.name() == "acquired_after_secs" {
            metrics::histogram!("database_pool_acquire_duration_seconds").record(seconds);
            if seconds > LONGEST_WITHOUT_WAITING {
                metrics::counter!("database_pool_waits_total").increment(1);
            }
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
