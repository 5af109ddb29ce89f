//! CORS: which pages of other origins a browser lets read the answers.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::process_time::PROCESS_TIME;
use crate::core::config::CorsSettings;
use crate::core::trace_context::REQUEST_ID;

/// What a page of another origin may do, as `cors` in the configuration says.
pub(super) fn layer(settings: &CorsSettings) -> CorsLayer {
    let any = settings.allowed_origins.iter().any(|origin| origin == "*");
    let origins = settings.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let exposed = [header::ETAG, header::LOCATION, header::RETRY_AFTER, REQUEST_ID, PROCESS_TIME];
    let allowed = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        REQUEST_ID,
    ];
    CorsLayer::new()
        .allow_origin(if any { AllowOrigin::any() } else { AllowOrigin::list(origins) })
        .allow_credentials(settings.allow_credentials && !any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(Vec::<HeaderName>::from(allowed))
        .expose_headers(Vec::<HeaderName>::from(exposed))
        .max_age(Duration::from_mins(10))
}
