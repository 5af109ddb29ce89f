//! What the process says about itself.

use std::io::IsTerminal;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, fmt};

use super::config::{LogFormat, TelemetrySettings};

/// What is logged when `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn";
/// Who tells secrets at the finest level: spans around connecting hold the database's URL, others the bytes of
/// handshakes.
const SECRET_LOGGING_TARGETS: [&str; 2] = ["sea_orm::driver", "rustls"];

/// Whether this may be logged, whatever `RUST_LOG` says.
#[must_use]
pub fn is_discreet(metadata: &Metadata<'_>) -> bool {
    *metadata.level() < Level::TRACE
        || !SECRET_LOGGING_TARGETS.iter().any(|target| metadata.target().starts_with(target))
}

/// A time as it is logged: in milliseconds, to the microsecond.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

/// Sends log lines to standard output, one an event. `filter` is `RUST_LOG`'s value.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(settings: &TelemetrySettings, filter: Option<&str>) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER)).map_err(|error| format!("RUST_LOG: {error}"))?;
    let log = tracing_subscriber::registry().with(filter).with(filter_fn(is_discreet));
    let lines = fmt::layer();
    // A process has one log; in tests somebody else may have set it up.
    let _ = match settings.log_format {
        LogFormat::Json => {
            log.with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false)).try_init()
        }
        LogFormat::Pretty => log.with(lines.with_target(false).with_ansi(std::io::stdout().is_terminal())).try_init(),
    };
    Ok(())
}
