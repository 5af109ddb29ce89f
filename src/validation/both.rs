//! Two inputs of one request.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;

use crate::error::{Error, Result};

/// Two inputs, such as path and body, whose problems are reported together.
pub struct Both<A, B>(pub A, pub B);

impl<S, A, B> FromRequest<S> for Both<A, B>
where
    S: Send + Sync,
    A: FromRequestParts<S, Rejection = Error> + Send,
    B: FromRequest<S, Rejection = Error>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let (mut parts, body) = request.into_parts();
        let first = A::from_request_parts(&mut parts, state).await;
        let second = B::from_request(Request::from_parts(parts, body), state).await;
        join(first, second)
    }
}

impl<S, A, B> FromRequestParts<S> for Both<A, B>
where
    S: Send + Sync,
    A: FromRequestParts<S, Rejection = Error> + Send,
    B: FromRequestParts<S, Rejection = Error>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let first = A::from_request_parts(parts, state).await;
        join(first, B::from_request_parts(parts, state).await)
    }
}

/// Returns both inputs, or the problems of both.
pub fn join<A, B>(first: Result<A>, second: Result<B>) -> Result<Both<A, B>> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok(Both(first, second)),
        (Err(Error::Invalid(mut problems)), Err(Error::Invalid(more))) => {
            // Two types may read the same query and report the same problem.
            problems.extend(more);
            problems.dedup();
            Err(Error::Invalid(problems))
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}
