//! A panic ends its request, and nothing else.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::{CatchUnwind, Map};
use tower::Service;

use crate::error::Error;

/// Answers 500 to a request whose handler panics; what it said goes to the log. Unlike `tower_http`'s layer it puts no
/// box around every body.
#[derive(Clone)]
pub(super) struct CatchPanic<S> {
    pub(super) inner: S,
}

type Outcome<S> = Result<<S as Service<Request>>::Response, <S as Service<Request>>::Error>;
type Caught<S> = Result<Outcome<S>, Box<dyn Any + Send>>;

impl<S, B> Service<Request> for CatchPanic<S>
where
    S: Service<Request, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Map<CatchUnwind<AssertUnwindSafe<S::Future>>, fn(Caught<S>) -> Outcome<S>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // Calling it only makes the future: everything that could panic is done when that is polled.
        AssertUnwindSafe(self.inner.call(request)).catch_unwind().map(|caught| {
            // The body is written further up, as for every error.
            caught.unwrap_or_else(|panic| Ok(error(&*panic).into_response().map(|_| B::default())))
        })
    }
}

fn error(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::internal(format!("panic: {}", text.unwrap_or("without a text")))
}
