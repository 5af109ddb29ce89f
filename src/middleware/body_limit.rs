//! Limits the size of a request's URI and body, and the time in which the body has to arrive.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;
use tower_http::timeout::DeadlineBody;

use crate::core::config::ServerSettings;
use crate::error::Error;

/// The maximum length of a URI, in bytes. Many browsers and proxies refuse longer ones, too.
const MAX_URI_BYTES: usize = 8 * 1024;

/// The limits of a request body.
#[derive(Clone, Copy)]
pub(super) struct BodyLimit {
    bytes: usize,
    timeout: Duration,
}

impl BodyLimit {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        Self { bytes: settings.max_body_bytes, timeout: Duration::from_secs(settings.body_timeout_seconds) }
    }
}

/// Refuses a URI (414) or a declared body (413) that is too large. Any other body is limited while it is read:
/// `read_body` in `validation::json` returns 413 over the size and 408 over the time.
pub(super) async fn limit_body(State(limit): State<BodyLimit>, request: Request, next: Next) -> Response {
    if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > MAX_URI_BYTES) {
        return Error::UriTooLong.into_response();
    }
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let declared = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: usize| length > limit.bytes) {
        return Error::PayloadTooLarge.into_response();
    }
    let bounded = |body| Body::new(DeadlineBody::new(limit.timeout, Limited::new(body, limit.bytes)));
    next.run(request.map(bounded)).await
}
