//! CORS: which pages of other origins may call the API from a browser.

use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::process_time::PROCESS_TIME;
use crate::auth::X_API_KEY;
use crate::core::config::CorsSettings;
use crate::core::headers::{REQUEST_ID, TRACEPARENT, TRACESTATE};
use crate::extract::IDEMPOTENCY_KEY;

/// How long a browser may remember the response to a preflight request.
const MAX_AGE: Duration = Duration::from_mins(10);

/// The layer for the origins in `cors.allowed_origins`.
pub(super) fn layer(settings: &CorsSettings) -> CorsLayer {
    let any = settings.allowed_origins.iter().any(|origin| origin == "*");
    let allowed: Vec<HeaderValue> =
        settings.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect();
    // A list would be copied for every request.
    let is_allowed = move |origin: &HeaderValue, _: &Parts| allowed.contains(origin);
    CorsLayer::new()
        .allow_origin(if any { AllowOrigin::any() } else { AllowOrigin::predicate(is_allowed) })
        .allow_credentials(settings.allow_credentials && !any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(request_headers())
        .expose_headers(response_headers())
        .max_age(MAX_AGE)
}

/// The headers that a page may send. A test compares them with the header parameters of the document.
fn request_headers() -> Vec<HeaderName> {
    vec![
        header::ACCEPT,
        header::AUTHORIZATION,
        X_API_KEY, // only with api_keys
        header::CONTENT_TYPE,
        IDEMPOTENCY_KEY, // only with idempotency
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        REQUEST_ID,
        TRACEPARENT, // only with external or observability
        TRACESTATE,  // only with external or observability
    ]
}

/// The headers that a page may read.
fn response_headers() -> [HeaderName; 9] {
    [
        header::ETAG,
        header::LOCATION,
        HeaderName::from_static("ratelimit-limit"),
        HeaderName::from_static("ratelimit-remaining"),
        HeaderName::from_static("ratelimit-reset"),
        header::RETRY_AFTER,
        header::WWW_AUTHENTICATE,
        REQUEST_ID,
        PROCESS_TIME,
    ]
}
