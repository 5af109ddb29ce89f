//! By what the calls that one request leads to are known everywhere.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// What is passed on: the request's id, and the trace that it is part of (W3C Trace Context).
const HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// The headers of a request that go along with every call it leads to.
#[derive(Debug, Clone, Default)]
pub struct TraceContext(Vec<(HeaderName, HeaderValue)>);

impl TraceContext {
    /// Those of the request with these headers.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let present = HEADERS.into_iter().filter_map(|name| Some((name.clone(), headers.get(&name)?.clone())));
        Self(present.collect())
    }

    /// Names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}
