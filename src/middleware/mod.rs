//! What every request passes before it reaches its route, and every answer on its way back.

mod body_deadline;
mod errors;
mod process_time;
mod request_id;
mod trusted_host;

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

pub use body_deadline::BodyDeadlinePassed;

use crate::core::config::{CorsSettings, Settings};

/// Wraps the router in the whole stack. Read downwards, it is the way of a request; upwards, of its answer.
pub fn apply(router: Router, settings: &Settings) -> Router {
    let server = &settings.server;
    let seconds = Duration::from_secs;
    let stack = tower::ServiceBuilder::new()
        // Secrets are marked before anything could print them.
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
        // Id, span, time and fixed headers belong on every answer, a CORS preflight's included. None of
        // these layers answers by itself, so they may stand outside CORS.
        .layer(from_fn(request_id::span_and_header))
        .layer(from_fn(process_time::header))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")))
        .layer(SetResponseHeaderLayer::if_not_present(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
        ))
        // Outside everything that can refuse a request, so that a page can read why it was refused.
        .layer(cors(&settings.cors))
        // Only bodies worth the work, and never one with an ETag, which names these very bytes.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(1024).and(has_no_etag)))
        // Writes the body of every error that comes up from below.
        .layer(from_fn(errors::render))
        .layer(CatchPanicLayer::custom(errors::from_panic))
        .layer(from_fn_with_state(trusted_host::Allowed::new(&server.allowed_hosts), trusted_host::check))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, seconds(server.request_timeout_seconds)))
        // A body is given a time to arrive, refused by its declared length, and cut off at the limit.
        .layer(from_fn_with_state(seconds(server.body_timeout_seconds), body_deadline::apply))
        .layer(RequestBodyLimitLayer::new(server.max_body_bytes));
    router.layer(axum::extract::DefaultBodyLimit::disable()).layer(stack)
}

fn cors(settings: &CorsSettings) -> CorsLayer {
    let any = settings.allowed_origins.iter().any(|origin| origin == "*");
    let origins = settings.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let exposed = [header::ETAG, header::LOCATION, header::RETRY_AFTER].into_iter();
    let exposed = exposed.chain([request_id::HEADER, process_time::HEADER]);
    let allowed =
        [header::AUTHORIZATION, header::CONTENT_TYPE, header::ACCEPT, header::IF_MATCH, header::IF_NONE_MATCH];
    CorsLayer::new()
        .allow_origin(if any { AllowOrigin::any() } else { AllowOrigin::list(origins) })
        .allow_credentials(settings.allow_credentials && !any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(allowed.into_iter().chain([request_id::HEADER]).collect::<Vec<HeaderName>>())
        .expose_headers(exposed.collect::<Vec<HeaderName>>())
        .max_age(Duration::from_secs(600))
}

fn has_no_etag(
    _: StatusCode,
    _: axum::http::Version,
    headers: &axum::http::HeaderMap,
    _: &axum::http::Extensions,
) -> bool {
    !headers.contains_key(header::ETAG)
}
