//! Refuses requests by what stands in their head.

use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, Ready, ready};
use tower::Service;

use super::trusted_host::TrustedHosts;
use crate::error::{Error, Result};

/// Longer than browsers and proxies agree on.
const MAX_URI_BYTES: usize = 8 * 1024;

/// Lets a request through when its URI is of a sensible length and its host one of ours.
#[derive(Clone)]
pub(super) struct Refuse<S> {
    pub(super) inner: S,
    pub(super) trusted: TrustedHosts,
}

impl<S, B> Service<Request> for Refuse<S>
where
    S: Service<Request, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<std::result::Result<Response<B>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match check_length(&request).and_then(|()| self.trusted.check(&request)) {
            Ok(()) => Either::Left(self.inner.call(request)),
            // The body is written further up, as for every error.
            Err(error) => Either::Right(ready(Ok(error.into_response().map(|_| B::default())))),
        }
    }
}

/// # Errors
/// 414 for a path and query that are too long.
fn check_length(request: &Request) -> Result<()> {
    let length = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if length > MAX_URI_BYTES { Err(Error::UriTooLong) } else { Ok(()) }
}
