//! Logging.

use std::io::IsTerminal;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use super::config::{LogFormat, TelemetrySettings};

/// The filter without `RUST_LOG`.
const DEFAULT_FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn";
/// Targets that log secrets at the TRACE level: the database's URL, and the bytes of TLS handshakes.
const SECRET_LOGGING_TARGETS: [&str; 2] = ["sea_orm::driver", "rustls"];

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

/// Writes log lines to standard output. `filter` is the value of `RUST_LOG`.
///
/// # Errors
/// When the filter is invalid.
pub fn init(settings: &TelemetrySettings, filter: Option<&str>) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER)).map_err(|error| format!("RUST_LOG: {error}"))?;
    let log = tracing_subscriber::registry().with(filter).with(filter_fn(is_free_of_secrets));
    let lines = fmt::layer();
    // Fails when the log is already set up, as in tests.
    let _ = match settings.log_format {
        LogFormat::Json => {
            log.with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init()
        }
        LogFormat::Pretty => log.with(lines.with_target(false).with_ansi(std::io::stdout().is_terminal())).try_init(),
    };
    Ok(())
}
