//! `X-Process-Time`: how long the answer took.

use axum::http::{HeaderName, HeaderValue};
use tokio::time::Instant;

/// The header's name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-process-time");

/// The time since then, in seconds as a decimal.
pub(super) fn since(start: Instant) -> HeaderValue {
    let elapsed = start.elapsed();
    // Digit by digit: formatting would be the dearest part of a small answer.
    let (mut text, mut rest) =
        (*b"0000000000.000000", elapsed.as_secs() * 1_000_000 + u64::from(elapsed.subsec_micros()));
    for digit in text.iter_mut().rev().filter(|digit| **digit != b'.') {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    let zeros = text[..9].iter().take_while(|digit| **digit == b'0').count();
    HeaderValue::from_bytes(&text[zeros..]).unwrap_or_else(|_| HeaderValue::from_static("0"))
}
