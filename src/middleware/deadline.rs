//! The time that a request has. What takes longer is given up where it awaits.

use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::Map;
use tokio::time::error::Elapsed;
use tokio::time::{Timeout, timeout};
use tower::Service;

use crate::error::Error;

/// Answers 503 when the time is over. Unlike `tower_http`'s layer it sets no timer for an answer that is there
/// at once, which is one request's work in twenty.
#[derive(Clone)]
pub(super) struct Deadline<S> {
    pub(super) inner: S,
    pub(super) limit: Duration,
}

type Outcome<S, B> = Result<Response<B>, <S as Service<Request>>::Error>;

impl<S, B> Service<Request> for Deadline<S>
where
    S: Service<Request, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Map<Timeout<S::Future>, fn(Result<Outcome<S, B>, Elapsed>) -> Outcome<S, B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        timeout(self.limit, self.inner.call(request)).map(|outcome| {
            outcome.unwrap_or_else(|_| {
                let error = Error::Unavailable("the request's deadline has passed".into());
                Ok(error.into_response().map(|_| B::default()))
            })
        })
    }
}
