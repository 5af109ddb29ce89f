//! By what the calls that one request leads to are known everywhere.

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};

/// The header in which a request's id comes, goes back, and is passed on.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The trace that a request is part of (W3C Trace Context).
const TRACE: [HeaderName; 2] = [HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];

/// The id of a request, which `middleware::frame` puts into its extensions.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

/// The headers that go along with every call a request leads to: its id and its trace.
#[derive(Debug, Clone, Default)]
pub struct TraceContext(Vec<(HeaderName, HeaderValue)>);

impl TraceContext {
    /// Those of this request.
    #[must_use]
    pub fn of(request: &Parts) -> Self {
        let id = request.extensions.get().map(|RequestId(id)| (REQUEST_ID, id.clone()));
        let trace = TRACE.into_iter().filter_map(|name| Some((name.clone(), request.headers.get(&name)?.clone())));
        Self(id.into_iter().chain(trace).collect())
    }

    /// Names and values.
    pub fn headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
        self.0.iter().map(|(name, value)| (name, value))
    }
}
