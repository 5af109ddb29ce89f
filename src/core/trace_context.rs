//! The headers that identify a request, also in its calls to other services.

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};

/// The header of a request's id: in the request, in the response and in calls to other services.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The trace that a request is part of (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Data that tracing systems add to the trace.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The id of a request, which `middleware::request_id` puts into its extensions.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

/// The headers for calls to other services: the request's id and its trace.
#[derive(Debug, Clone, Default)]
pub struct TraceContext(Vec<(HeaderName, HeaderValue)>);

impl TraceContext {
    /// The trace context of this request.
    #[must_use]
    pub fn of(request: &Parts) -> Self {
        let id = request.extensions.get().map(|RequestId(id)| (REQUEST_ID, id.clone()));
        let trace = [TRACEPARENT, TRACESTATE]
            .into_iter()
            .filter_map(|name| Some((name.clone(), request.headers.get(&name)?.clone())));
        Self(id.into_iter().chain(trace).collect())
    }

    /// Names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}
