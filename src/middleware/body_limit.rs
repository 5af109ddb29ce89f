//! Limits the size of a request's URI and body, and the time in which the body has to arrive.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::{Request, header};
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;
use tower_http::timeout::DeadlineBody;
use tower_http::validate_request::ValidateRequest;

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

impl ValidateRequest<Body> for BodyLimit {
    type ResponseBody = Body;

    /// Refuses a URI (414) or a declared body (413) that is too large, and unknown transfer codings (400). Any other
    /// body is limited while it is read: `read_body` in `validation::json` returns 413 over the size and 408 over the
    /// time.
    fn validate(&mut self, request: &mut Request<Body>) -> Result<(), Response> {
        if request.uri().path_and_query().is_some_and(|uri| uri.as_str().len() > MAX_URI_BYTES) {
            return Err(Error::UriTooLong.into_response());
        }
        if request.body().is_end_stream() {
            return Ok(());
        }
        // hyper reads any coding before `chunked`, but nothing here could decode it.
        let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
        if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Err(Error::BadRequest("The only supported transfer coding is chunked").into_response());
        }
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > self.bytes) {
            return Err(Error::PayloadTooLarge.into_response());
        }
        let body = std::mem::take(request.body_mut());
        *request.body_mut() = Body::new(DeadlineBody::new(self.timeout, Limited::new(body, self.bytes)));
        Ok(())
    }
}
