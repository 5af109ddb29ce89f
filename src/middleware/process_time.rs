//! `X-Process-Time`: the time that the response took, in seconds.

use std::time::Instant;

use axum::http::{HeaderName, HeaderValue, Response};

/// The header's name.
pub(super) const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

/// Adds the header to the response.
pub(super) async fn add_process_time<B, E>(
    response: impl Future<Output = Result<Response<B>, E>>,
) -> Result<Response<B>, E> {
    let start = Instant::now();
    let mut response = response.await?;
    let seconds = format!("{:.6}", start.elapsed().as_secs_f64());
    if let Ok(seconds) = HeaderValue::try_from(seconds) {
        response.headers_mut().insert(PROCESS_TIME, seconds);
    }
    Ok(response)
}
