//! The middleware around all routes.
//!
//! To add a middleware, copy `process_time.rs`, an async function, and add a line in [`apply`].

mod body_limit;
mod complete_writes;
mod cors;
mod errors;
mod process_time;
mod rate_limit;
mod request_id;
mod request_log;
mod trusted_host;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::auth::X_API_KEY;
use crate::core::config::Settings;
use crate::rate_limit::Limiter;
use crate::server::App;

/// Responses below this size, in bytes, are not worth compressing.
const MIN_COMPRESSED_BYTES: u64 = 1024;
/// The `Content-Security-Policy` of responses that are not pages. Pages set their own.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Wraps the router in the middleware. A request passes the layers from top to bottom, its response from bottom to top.
///
/// The layers wrap the router instead of its routes, because `NormalizePath` has to run before the router reads the
/// path.
#[must_use]
pub fn apply(router: Router, settings: &Arc<Settings>, limiter: &Arc<Limiter>) -> App {
    let server = &settings.server;
    let request_timeout = Duration::from_secs(server.request_timeout_seconds);
    let rate_limit = limiter
        .limits_requests()
        .then(|| from_fn_with_state((Arc::clone(limiter), Arc::clone(settings)), rate_limit::limit_requests));

    let stack = ServiceBuilder::new()
        // Secrets are marked before anything can print them.
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE, X_API_KEY]))
        // `/items/` is `/items`, without a redirect.
        .layer(NormalizePathLayer::trim_trailing_slash())
        .layer(from_fn(request_id::set_request_id))
        .layer(request_log::layer())
        .layer(from_fn(process_time::add_process_time))
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, DATA_POLICY))
        // Outside everything that can refuse a request, so that a page can read why it was refused.
        .layer(cors::layer(&settings.cors))
        .layer(CompressionLayer::new().compress_when(worth_compressing()))
        // Everything below may return an error. Its body is written here.
        .layer(from_fn(errors::render_error))
        .layer(CatchPanicLayer::custom(errors::from_panic))
        .layer(from_fn_with_state(trusted_host::TrustedHosts::new(&server.allowed_hosts), trusted_host::check_host))
        .option_layer(rate_limit)
        .layer(from_fn(complete_writes::complete_writes))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, request_timeout))
        .layer(from_fn_with_state(body_limit::BodyLimit::new(server), body_limit::limit_body))
        .service(router);
    BoxCloneSyncService::new(stack)
}

/// Not images and fonts, which are compressed already, nor events, which would wait in the encoder for one another, nor
/// what has a strong `ETag`, which names the exact bytes.
fn worth_compressing() -> impl Predicate {
    SizeAbove::new(MIN_COMPRESSED_BYTES)
        .and(has_no_strong_etag)
        .and(NotForContentType::SSE)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::const_new("font/woff"))
}

fn has_no_strong_etag(
    _: StatusCode,
    _: axum::http::Version,
    headers: &axum::http::HeaderMap,
    _: &axum::http::Extensions,
) -> bool {
    headers.get(header::ETAG).is_none_or(|tag| tag.as_bytes().starts_with(b"W/"))
}
