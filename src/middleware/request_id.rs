//! `X-Request-ID`: one name for a request, in the log and in the answer.

use axum::extract::Request;
use axum::http::HeaderValue;
use uuid::Uuid;

use crate::core::trace_context::REQUEST_ID;

/// The client's id when it is harmless, else a new one.
pub(super) fn of(request: &Request) -> HeaderValue {
    match request.headers().get(REQUEST_ID) {
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
    // Without the time, which would be asked for once more: the log has it.
    let id = Uuid::new_v4().simple().encode_lower(&mut text);
    HeaderValue::from_str(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
