//! What a request is part of.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::core::trace_context::TraceContext;

/// What to send along with the calls that the request leads to.
pub struct FromTrace(pub TraceContext);

impl<S: Sync> FromRequestParts<S> for FromTrace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(TraceContext::of(parts)))
    }
}
