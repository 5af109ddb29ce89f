//! `X-Request-ID`: one name for a request, in the log and in the answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument;
use uuid::Uuid;

/// The header's name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, for whoever writes it into an answer.
#[derive(Clone)]
pub(super) struct RequestId(pub HeaderValue);

/// Takes the client's id when it is harmless, else makes one; opens the span that every log line of
/// the request stands in, and writes the one line about its outcome.
pub(super) async fn span_and_header(mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = match request.headers().get(HEADER) {
        Some(id) if is_harmless(id) => id.clone(),
        _ => new_id(),
    };
    request.extensions_mut().insert(RequestId(id.clone()));
    // The path is printed with `?`, which escapes line breaks and control characters. No query string:
    // it may hold secrets.
    let span = tracing::info_span!(
        "request",
        id = id.to_str().unwrap_or_default(),
        method = %request.method(),
        path = ?request.uri().path(),
    );
    async move {
        let mut response = next.run(request).await;
        tracing::info!(status = response.status().as_u16(), duration_ms = start.elapsed().as_millis(), "answered");
        response.headers_mut().insert(HEADER, id);
        response
    }
    .instrument(span)
    .await
}

/// `^[\w-]{1,64}$`
fn is_harmless(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=64).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn new_id() -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let id = Uuid::now_v7().simple().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
