//! What the process says about itself.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::config::{LogFormat, TelemetrySettings};

/// What is logged when `RUST_LOG` says nothing.
const DEFAULT_FILTER: &str = "info,sqlx=warn,sea_orm_migration=warn";

/// Sends log lines to standard output, one an event. `filter` is `RUST_LOG`'s value.
///
/// # Errors
/// When the filter cannot be read.
pub fn init(settings: &TelemetrySettings, filter: Option<&str>) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER)).map_err(|error| format!("RUST_LOG: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    // A process has one log; in tests somebody else may have set it up.
    let _ = match settings.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Pretty => builder.with_target(false).with_ansi(std::io::stdout().is_terminal()).try_init(),
    };
    Ok(())
}
