//! `X-Request-ID`: one name for a request, in the log and in the answer.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use uuid::Uuid;

/// The header's name.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The client's id when it is harmless, else a new one.
pub(super) fn of(request: &Request) -> HeaderValue {
    match request.headers().get(HEADER) {
        Some(id) if is_harmless(id) => id.clone(),
        _ => new(),
    }
}

/// `^[\w-]{1,64}$`
fn is_harmless(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=64).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn new() -> HeaderValue {
    let mut text = Uuid::encode_buffer();
    let id = Uuid::now_v7().simple().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
