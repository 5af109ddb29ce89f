//! Gives a request's body a time in which it has to have arrived, however it trickles.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::Sleep;

/// What reading a body ends with when its time is over.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive in time")]
pub struct BodyDeadlinePassed;

/// Gives the body of a request that has one this time to arrive.
pub(super) fn within(time: Duration) -> impl Fn(Request) -> Request + Clone {
    move |request| {
        if HttpBody::is_end_stream(request.body()) {
            return request;
        }
        let deadline = Box::pin(tokio::time::sleep(time));
        request.map(|body| Body::new(Deadlined { body, deadline }))
    }
}

struct Deadlined {
    body: Body,
    deadline: Pin<Box<Sleep>>,
}

impl HttpBody for Deadlined {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.deadline.as_mut().poll(cx));
        Poll::Ready(Some(Err(BodyDeadlinePassed.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
