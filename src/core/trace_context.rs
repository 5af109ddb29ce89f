//! The headers that identify a request, also in its calls to other services.

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

pub use super::telemetry::traces::TRACEPARENT;
use super::telemetry::traces::traceparent;

/// The header of a request's id: in the request, in the response and in calls to other services.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Data that tracing systems add to the trace.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The headers for calls to other services: the request's id and its trace.
#[derive(Debug, Clone, Default)]
pub struct TraceContext(HeaderMap);

impl TraceContext {
    /// The trace context of this request.
    #[must_use]
    pub fn of(request: &Parts) -> Self {
        let names = [REQUEST_ID, TRACEPARENT, TRACESTATE].into_iter();
        Self(names.filter_map(|name| Some((name.clone(), request.headers.get(&name)?.clone()))).collect())
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
