//! One span and one log line per request.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::trace::{MakeSpan, OnResponse, TraceLayer};
use tracing::Span;

use crate::core::telemetry::milliseconds;
use crate::core::trace_context::RequestId;

/// Adds the request's id, method and path to everything that is logged while the request is handled.
pub(super) fn layer()
-> TraceLayer<SharedClassifier<ServerErrorsAsFailures>, RequestSpan, (), RequestCompleted, (), (), ()> {
    TraceLayer::new_for_http()
        .make_span_with(RequestSpan)
        .on_request(())
        .on_response(RequestCompleted)
        .on_body_chunk(())
        .on_eos(())
        // A 5xx is logged with its cause where its body is written.
        .on_failure(())
}

#[derive(Clone)]
pub(super) struct RequestSpan;

impl MakeSpan<Body> for RequestSpan {
    fn make_span(&mut self, request: &Request<Body>) -> Span {
        let id = request.extensions().get::<RequestId>().and_then(|RequestId(id)| id.to_str().ok());
        // Escaped, so that a path cannot forge a log line. Without the query string, which may hold secrets.
        tracing::info_span!("request", id, method = %request.method(), path = %request.uri().path().escape_debug())
    }
}

#[derive(Clone)]
pub(super) struct RequestCompleted;

impl<B> OnResponse<B> for RequestCompleted {
    fn on_response(self, response: &Response<B>, latency: Duration, _: &Span) {
        tracing::info!(status = response.status().as_u16(), duration_ms = milliseconds(latency), "request completed");
    }
}
