//! Refuses requests for hosts that are not ours, which would poison caches and links.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, Ready, ready};
use tower::{Layer, Service};

use crate::error::Error;

/// Lets requests through that name one of our hosts.
#[derive(Clone)]
pub(super) struct TrustedHostLayer(Arc<[String]>);

impl TrustedHostLayer {
    /// `*` is every name, `*.example.com` every name below it, anything else itself.
    pub(super) fn new(allowed: &[String]) -> Self {
        Self(allowed.iter().map(|host| host.to_ascii_lowercase()).collect())
    }
}

impl<S> Layer<S> for TrustedHostLayer {
    type Service = TrustedHost<S>;

    fn layer(&self, inner: S) -> TrustedHost<S> {
        TrustedHost { inner, allowed: Arc::clone(&self.0) }
    }
}

/// See [`TrustedHostLayer`].
#[derive(Clone)]
pub(super) struct TrustedHost<S> {
    inner: S,
    allowed: Arc<[String]>,
}

impl<S, B> Service<Request> for TrustedHost<S>
where
    S: Service<Request, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<Response<B>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Health checks ask by address.
        if self.is_trusted(&request) || request.uri().path().starts_with("/health/") {
            return Either::Left(self.inner.call(request));
        }
        let refusal = Error::BadRequest("Invalid host header").into_response().map(|_| B::default());
        Either::Right(ready(Ok(refusal)))
    }
}

impl<S> TrustedHost<S> {
    /// Whether there is exactly one `Host`, and an allowed one. Nothing else is asked, neither an
    /// absolute URI nor `X-Forwarded-Host`.
    fn is_trusted(&self, request: &Request) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        let host = host.to_str().map(without_port).unwrap_or_default();
        self.allowed.iter().any(|allowed| match allowed.strip_prefix('*') {
            Some("") => !host.is_empty(),
            Some(suffix) => host.len() > suffix.len() && host.to_ascii_lowercase().ends_with(suffix),
            None => host.eq_ignore_ascii_case(allowed),
        })
    }
}

/// `[::1]:8000` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
