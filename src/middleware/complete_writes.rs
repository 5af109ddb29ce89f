//! A request that changes something runs to its end, even if its client disconnects meanwhile.

use std::panic::resume_unwind;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

use crate::error::Error;

/// Runs the request on a task of its own, unless its method is safe. The server drops a request when its connection
/// ends: a page that sends a form and is left at once would lose the form, or not, depending on the moment.
pub(super) async fn complete_writes(request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    match tokio::spawn(next.run(request).in_current_span()).await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            // For `CatchPanic`.
            Ok(panic) => resume_unwind(panic),
            Err(error) => Error::Unavailable(error.to_string().into()).into_response(),
        },
    }
}
