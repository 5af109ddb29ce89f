//! The outermost layer: what stands on every answer, and in the log about every request.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{self, Entry};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use hyper::body::Body as HttpBody;
use tokio::time::Instant;
use tower::Service;
use tracing::Instrument;

use super::{compress, errors, process_time, request_id};
use crate::core::telemetry::milliseconds;
use crate::core::trace_context::{REQUEST_ID, RequestId};

/// One service for all of it, with one future on the heap, because every request pays for it.
#[derive(Clone)]
pub(super) struct Frame<S> {
    inner: S,
}

impl<S> Frame<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request> for Frame<S>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let start = Instant::now();
        let id = request_id::of(&request);
        let format = errors::Format::accepted_by(request.headers());
        let encoding = request.headers().get(header::ACCEPT_ENCODING).cloned();
        // No line break or control character of a path stands in the log. No query string: it may hold secrets.
        let span = tracing::info_span!(
            "request",
            id = id.to_str().unwrap_or_default(),
            method = %request.method(),
            path = %request.uri().path().escape_debug(),
        );
        // For whatever the request leads to.
        request.extensions_mut().insert(RequestId(id.clone()));
        let answer = span.in_scope(|| self.inner.call(request));
        // Not an async block, which would move the whole future below it once more.
        let framed = answer.then(move |outcome| {
            let Ok(response) = outcome;
            let mut response = response.map(Body::new);
            errors::render(&mut response, format, &id);
            let status = response.status().as_u16();
            tracing::info!(status, duration_ms = milliseconds(start.elapsed()), "answered");
            add_headers(response.headers_mut(), id, start);
            if compress::is_worth_it(&response) {
                Either::Right(Box::pin(compress::compress(response, encoding).map(Ok)))
            } else {
                Either::Left(ready(Ok(response)))
            }
        });
        Box::pin(framed.instrument(span))
    }
}

fn add_headers(headers: &mut HeaderMap, id: HeaderValue, start: Instant) {
    headers.reserve(5);
    headers.insert(REQUEST_ID, id);
    headers.insert(process_time::HEADER, process_time::since(start));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // What CORS adds depends on it, and so does whether it adds anything.
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Entry::Vacant(policy) = headers.entry(header::CONTENT_SECURITY_POLICY) {
        // Data, which is shown nowhere and loads nothing.
        policy.insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    } else {
        // A page, which brings its own policy.
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
}
