//! What a request passes on in its calls to other services: its id and its trace.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::headers::{REQUEST_ID, TRACEPARENT, TRACESTATE};
use super::telemetry::traces::traceparent;

/// Longer ones need not be passed on (W3C Trace Context, section 3.3.1.5).
const MAX_TRACESTATE_BYTES: usize = 512;

/// The headers for calls to other services: the request's id and its trace.
#[derive(Debug, Clone, Default)]
pub struct TraceContext(HeaderMap);

impl TraceContext {
    /// The trace context of this request.
    #[must_use]
    pub fn of(request: &Parts) -> Self {
        let mut headers = HeaderMap::new();
        let mut copy = |name: HeaderName, is_valid: fn(&[u8]) -> bool| {
            let value = request.headers.get(&name).filter(|value| is_valid(value.as_bytes()));
            value.map(|value| headers.insert(name, value.clone())).is_some()
        };
        // Checked by `middleware::request_id`.
        copy(REQUEST_ID, |_| true);
        if copy(TRACEPARENT, is_traceparent) {
            copy(TRACESTATE, |state| {
                state.len() <= MAX_TRACESTATE_BYTES && state.iter().all(|byte| (b' '..=b'~').contains(byte))
            });
        }
        Self(headers)
    }

    /// The headers of a call that is made inside the current span. While traces are off, the client's `traceparent` is
    /// passed on.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let mut headers = self.0.clone();
        if let Some(Ok(current)) = traceparent().map(HeaderValue::try_from) {
            headers.insert(TRACEPARENT, current);
        }
        headers
    }
}

/// Whether the value has the form `00-<32 hex digits>-<16 hex digits>-<2 hex digits>`.
fn is_traceparent(value: &[u8]) -> bool {
    let is_hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let lengths = [2, 32, 16, 2];
    let parts: Vec<&[u8]> = value.split(|byte| *byte == b'-').collect();
    parts.len() == lengths.len() && parts.iter().zip(lengths).all(|(part, length)| part.len() == length && is_hex(part))
}
