//! The trace that a request belongs to.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::core::trace_context::TraceContext;

/// The trace context to send with calls to other services.
pub struct FromTrace(pub TraceContext);

impl<S: Sync> FromRequestParts<S> for FromTrace {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(TraceContext::of(parts)))
    }
}
