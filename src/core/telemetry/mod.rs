//! Logs and traces. Metrics: `middleware::metrics`, [`crate::core::database`], and the listener in `cli::metrics`.

mod acquire_times;
pub mod traces;

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::trace::TracerProvider; // only with observability
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::subscriber::Interest;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, LevelFilter, dynamic_filter_fn};
use tracing_subscriber::layer::Filter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use self::acquire_times::AcquireTimes;
use super::config::{LogFormat, Settings};

/// The filter without `RUST_LOG`.
const DEFAULT_FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn";
/// Targets that log secrets at the TRACE level: URLs with passwords, the bytes of TLS handshakes, and messages.
const SECRET_LOGGING_TARGETS: [&str; 5] = ["sea_orm::driver", "rustls", "hyper_util", "reqwest", "tungstenite"];
// only with observability
/// How long the last spans may take to be sent when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether an event may be logged, whatever `RUST_LOG` says.
#[must_use]
pub fn is_free_of_secrets(metadata: &Metadata<'_>) -> bool {
    *metadata.level() < Level::TRACE
        || !SECRET_LOGGING_TARGETS.iter().any(|target| metadata.target().starts_with(target))
}

/// A duration in milliseconds, with microseconds as decimals.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

// only with observability
/// Counts as one in a gauge until it is dropped, also when a task panics or a client disconnects.
pub struct Counted(metrics::Gauge);

// only with observability
impl Counted {
    /// Adds one to the gauge.
    #[must_use]
    pub fn new(gauge: metrics::Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

// only with observability
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

// only with observability
/// Sends the remaining spans when it is dropped. Keep it until the process ends, and drop it outside the runtime.
#[must_use]
pub struct Telemetry(Option<SdkTracerProvider>);

// only with observability
impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // The process ends: a failure is in the log of the exporter, and nothing more can be done.
            let _ = provider.shutdown_with_timeout(FLUSH_TIMEOUT);
        }
    }
}

/// A filter that is asked for each event that it may enable. If the answers were cached, as those of `filter_fn`, an
/// event would be lost whenever the driver has just asked whether another level is enabled:
/// <https://github.com/tokio-rs/tracing/issues/2519>.
fn by_metadata<S>(most_verbose: LevelFilter, is_enabled: fn(&Metadata<'_>) -> bool) -> impl Filter<S> {
    dynamic_filter_fn(move |metadata, _| is_enabled(metadata))
        .with_callsite_filter(
            move |metadata| if is_enabled(metadata) { Interest::sometimes() } else { Interest::never() },
        )
        .with_max_level_hint(most_verbose)
}

/// The filter of log lines. `filter` is the value of `RUST_LOG`.
///
/// # Errors
/// When it is invalid.
pub fn log_filter(filter: Option<&str>) -> Result<EnvFilter, String> {
    EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER)).map_err(|error| format!("RUST_LOG: {error}"))
}

// only with observability
/// Checks where traces are sent. Sends none.
///
/// # Errors
/// When the endpoint is invalid.
pub fn check_endpoint(settings: &Settings) -> Result<(), String> {
    traces::provider(&settings.telemetry).map(drop)
}

/// Writes log lines to standard output, and sends traces if `telemetry.otlp_endpoint` is set. `filter` is the value of
/// `RUST_LOG`: it is for log lines alone.
///
/// # Errors
/// When the filter or the endpoint is invalid.
pub fn init(settings: &Settings, filter: Option<&str>) -> Result<Telemetry, String> {
    let filter = log_filter(filter)?;
    let lines = match settings.telemetry.log_format {
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Pretty => fmt::layer().with_target(false).with_ansi(std::io::stdout().is_terminal()).boxed(),
    };
    let is_logged = by_metadata(LevelFilter::TRACE, |metadata| {
        is_free_of_secrets(metadata)
            && !traces::is_for_traces_alone(metadata)
            && !acquire_times::is_about_acquiring(metadata)
    });
    // Not layers that are `None`: they would enable every span, whatever the filters of the others say.
    let mut layers = vec![lines.with_filter(filter.and(is_logged)).boxed()];
    let provider = traces::provider(&settings.telemetry)?;
    if let Some(provider) = &provider {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(env!("CARGO_PKG_NAME")))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            // For code that asks OpenTelemetry for the current span. All code here asks `tracing`.
            .with_context_activation(false);
        // Statements of background tasks would be a trace each.
        let has_parent = dynamic_filter_fn(|metadata, context| {
            !traces::is_of_database(metadata) || context.lookup_current().is_some()
        });
        let is_traced = by_metadata(LevelFilter::INFO, traces::is_traced);
        layers.push(spans.with_filter(is_traced.and(has_parent.with_max_level_hint(LevelFilter::INFO))).boxed());
    }
    if settings.metrics.port.is_some() {
        let is_about_acquiring = by_metadata(LevelFilter::INFO, acquire_times::is_about_acquiring);
        layers.push(AcquireTimes.with_filter(is_about_acquiring).boxed());
    }
    // Fails when the log is already set up, as in tests.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(Telemetry(provider))
}
