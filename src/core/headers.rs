//! Headers that identify a request, here and in other services.

use axum::http::HeaderName;

/// The header of a request's id: in the request, in the response and in calls to other services.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
// only with external or observability
/// The header that names the trace and the span that a request comes from.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
// only with external or observability
/// Data that tracing systems add to the trace.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
