//! The time that a request has. What takes longer is given up where it awaits.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use pin_project_lite::pin_project;
use tokio::time::{Instant, sleep};
use tower::Service;

use crate::core::pulse::Pulse;
use crate::error::Error;

/// How often a request that waits looks whether the database is still there.
const LOOK: Duration = Duration::from_secs(1);

/// Answers 503 when the time is over, or the database is frozen and would be waited for in vain. Unlike
/// `tower_http`'s layer it sets no timer for an answer that is there at once, which is one request's work in twenty.
#[derive(Clone)]
pub(super) struct Deadline<S> {
    pub(super) inner: S,
    pub(super) limit: Duration,
    pub(super) pulse: Pulse,
}

impl<S, B> Service<Request> for Deadline<S>
where
    S: Service<Request, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Limited<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Limited { answer: self.inner.call(request), limit: self.limit, pulse: self.pulse, end: None }
    }
}

pin_project! {
    /// An answer that comes in time, or is given up.
    pub(super) struct Limited<F> {
        #[pin]
        answer: F,
        limit: Duration,
        pulse: Pulse,
        // Why it is given up, once it is. Made for answers that have to be waited for.
        end: Option<Pin<Box<dyn Future<Output = &'static str> + Send>>>,
    }
}

impl<F, B, E> Future for Limited<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Default,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(outcome) = this.answer.poll(cx) {
            return Poll::Ready(outcome);
        }
        let end = this.end.get_or_insert_with(|| Box::pin(end(*this.limit, *this.pulse)));
        let cause = ready!(end.as_mut().poll(cx));
        Poll::Ready(Ok(Error::Unavailable(cause.into()).into_response().map(|_| B::default())))
    }
}

/// Waits for the end of the time, or for the database to be gone; says which it was.
async fn end(limit: Duration, pulse: Pulse) -> &'static str {
    let start = Instant::now();
    loop {
        sleep(LOOK.min(limit.saturating_sub(start.elapsed()))).await;
        if start.elapsed() >= limit {
            return "the request's deadline has passed";
        }
        if !pulse.is_there() {
            return "the database does not answer";
        }
    }
}
