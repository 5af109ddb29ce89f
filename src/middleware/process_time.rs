//! `X-Process-Time`: how long the answer took.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

/// The header's name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-process-time");

/// Adds the time between request and answer, in seconds as a decimal.
pub(super) async fn header(request: Request, next: Next) -> Response {
    let start = Instant::now();
    let mut response = next.run(request).await;
    let seconds = format!("{:.6}", start.elapsed().as_secs_f64());
    if let Ok(value) = HeaderValue::from_maybe_shared(bytes(seconds)) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

fn bytes(text: String) -> axum::body::Bytes {
    text.into()
}
