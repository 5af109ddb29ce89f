//! One span and one log line per request. While traces are on, the span is the request's part of the trace.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, Response};
use opentelemetry::trace::Status;
use tower_http::classify::{ServerErrorsAsFailures, SharedClassifier};
use tower_http::trace::{MakeSpan, OnResponse, TraceLayer};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt; // only with observability

use crate::core::headers::REQUEST_ID;
use crate::core::telemetry::{milliseconds, traces};

/// Adds the request's id, method and path to everything that is logged while the request is handled, and the ids of its
/// trace, if it is traced.
pub(super) fn layer(
    is_traced: bool,
) -> TraceLayer<SharedClassifier<ServerErrorsAsFailures>, RequestSpan, (), RequestCompleted, (), (), ()> {
    TraceLayer::new_for_http()
        .make_span_with(RequestSpan { is_traced })
        .on_request(())
        .on_response(RequestCompleted)
        .on_body_chunk(())
        .on_eos(())
        // A 5xx is logged with its cause where its body is written.
        .on_failure(())
}

#[derive(Clone)]
pub(super) struct RequestSpan {
    is_traced: bool,
}

impl MakeSpan<Body> for RequestSpan {
    fn make_span(&mut self, request: &Request<Body>) -> Span {
        let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        // Escaped, so that a path cannot forge a log line. Without the query string, which may hold secrets.
        let path = request.uri().path().escape_debug();
        let span = tracing::info_span!(
            "request", id, method = method_name(request.method()), %path,
            otel.kind = self.is_traced.then_some("server"), trace_id = Empty, span_id = Empty,
        );
        if self.is_traced {
            traces::continue_trace(&span, request.headers());
        }
        span
    }
}

#[derive(Clone)]
pub(super) struct RequestCompleted;

impl<B> OnResponse<B> for RequestCompleted {
    fn on_response(self, response: &Response<B>, latency: Duration, span: &Span) {
        let status = response.status();
        // only with observability: begin
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_status(Status::error(""));
        }
        // only with observability: end
        tracing::info!(status = status.as_u16(), duration_ms = milliseconds(latency), "request completed");
    }
}

/// Logs a request that is dropped before its response, because its client or a proxy has given up. Runs inside of the
/// request's span.
pub(super) async fn log_cancelled<T>(response: impl Future<Output = T>) -> T {
    let mut waiting = Waiting { start: Instant::now(), span: Some(Span::current()) };
    let response = response.await;
    waiting.span = None;
    response
}

/// A request without a response.
struct Waiting {
    start: Instant,
    /// The request's span, until it has a response.
    span: Option<Span>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(span) = &self.span {
            let duration_ms = milliseconds(self.start.elapsed());
            span.in_scope(|| tracing::info!(duration_ms, "request cancelled"));
        }
    }
}

/// The method, if it is one that HTTP knows: clients may invent others, of any length.
pub(super) fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
