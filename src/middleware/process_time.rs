//! `X-Process-Time`: the time that the response took, in seconds.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;

/// The header's name.
pub(super) const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

/// Adds the header to the response.
pub(super) async fn add_process_time(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let mut response = next.run(request).await;
    let seconds = format!("{:.6}", start.elapsed().as_secs_f64());
    if let Ok(seconds) = HeaderValue::try_from(seconds) {
        response.headers_mut().insert(PROCESS_TIME, seconds);
    }
    response
}
