//! `X-Process-Time`: how long the answer took.

use axum::http::{HeaderName, HeaderValue};
use tokio::time::Instant;

/// The header's name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-process-time");

/// The time since then, in seconds as a decimal.
pub(super) fn since(start: Instant) -> HeaderValue {
    let elapsed = start.elapsed();
    let seconds = format!("{}.{:06}", elapsed.as_secs(), elapsed.subsec_micros());
    HeaderValue::try_from(seconds).unwrap_or_else(|_| HeaderValue::from_static("0"))
}
