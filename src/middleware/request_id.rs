//! `X-Request-ID`: identifies a request in the log, in the response and in calls to other services.

use axum::extract::Request;
use axum::http::HeaderValue;
use uuid::Uuid;

use crate::core::headers::REQUEST_ID;

/// Keeps the client's id if it is safe to log and to pass on, otherwise creates one. `PropagateHeader` copies it to the
/// response.
pub(super) fn set_request_id(mut request: Request) -> Request {
    if !request.headers().get(REQUEST_ID).is_some_and(is_safe) {
        request.headers_mut().insert(REQUEST_ID, new_id());
    }
    request
}

/// Whether the id matches `^[\w-]{1,64}$`.
fn is_safe(id: &HeaderValue) -> bool {
    let id = id.as_bytes();
    (1..=64).contains(&id.len()) && id.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

fn new_id() -> HeaderValue {
    let id = Uuid::new_v4().simple().to_string();
    HeaderValue::try_from(id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
