//! Refuses requests by what stands in their head.

use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::{Either, Ready, ready};
use tower::Service;

use crate::error::{Error, Result};

/// Lets a request through that `check` has nothing against.
#[derive(Clone)]
pub(super) struct Refuse<S, F> {
    pub(super) inner: S,
    pub(super) check: F,
}

impl<S, F, B> Service<Request> for Refuse<S, F>
where
    S: Service<Request, Response = Response<B>>,
    F: Fn(&Request) -> Result<()>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<std::result::Result<Response<B>, S::Error>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<std::result::Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match (self.check)(&request) {
            Ok(()) => Either::Left(self.inner.call(request)),
            // The body is written further up, as for every error.
            Err(error) => Either::Right(ready(Ok(error.into_response().map(|_| B::default())))),
        }
    }
}

/// Longer than browsers and proxies agree on.
const MAX_URI_BYTES: usize = 8 * 1024;

/// # Errors
/// 414 for a path and query that are too long.
pub(super) fn long_uris(request: &Request) -> Result<()> {
    let length = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if length > MAX_URI_BYTES { Err(Error::UriTooLong) } else { Ok(()) }
}
