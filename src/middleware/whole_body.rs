//! Reads a request's body before anything looks at the request.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::future::Either;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as HttpBody;
use tokio::time::timeout;
use tower::Service;

use crate::error::{Error, Result};

/// Lets a request through once its body is there: all of it, within the limit (413) and the time (408).
///
/// Who asks is found out after that. Otherwise a client could send its head, be found good, and send the body seconds
/// later, when it has logged out, or its user's password or role was changed: it would be acted upon all the same.
/// What it costs: a stranger's body is read as well, up to the limit, and then refused.
///
/// A route that takes more than fits into memory would be let through here by its path, read its body as a stream
/// under a limit and a time of its own, and ask its guard once more behind the last byte, before it keeps anything.
#[derive(Clone)]
pub(super) struct WholeBody<S> {
    pub(super) inner: S,
    /// In bytes.
    pub(super) limit: usize,
    pub(super) time: Duration,
}

impl<S, B> Service<Request> for WholeBody<S>
where
    S: Service<Request, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<S::Future, Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.body().is_end_stream() {
            return Either::Left(self.inner.call(request));
        }
        let Self { mut inner, limit, time } = self.clone();
        Either::Right(Box::pin(async move {
            let (parts, body) = request.into_parts();
            let declared =
                parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
            let read = match declared {
                Some(length) if length > limit => Err(Error::PayloadTooLarge),
                _ => timeout(time, read(body, limit)).await.unwrap_or(Err(Error::RequestTimeout)),
            };
            match read {
                Ok(bytes) => inner.call(Request::from_parts(parts, bytes.into())).await,
                // Its own body is written further up, as for every error.
                Err(error) => Ok(error.into_response().map(|_| B::default())),
            }
        }))
    }
}

async fn read(body: Body, limit: usize) -> Result<Bytes> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Error::PayloadTooLarge),
        Err(_) => Err(Error::BadRequest("The request body could not be read")),
    }
}
