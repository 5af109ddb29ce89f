//! The middleware around all routes.
//!
//! To add a middleware, write a function and a line in [`apply`]:
//!
//! | what it needs | an example | its line |
//! | --- | --- | --- |
//! | the response, or the time | `process_time.rs` | `map_future` |
//! | the request | `request_id.rs` | `map_request` |
//! | the request, to refuse it | `trusted_host.rs` | `ValidateRequestHeaderLayer` |
//! | anything | `rate_limit.rs` | `from_fn`, which allocates a box for the service below it in every request |

mod body_limit;
mod cors;
mod errors;
mod matched_route;
mod metrics;
mod process_time;
mod rate_limit;
mod request_id;
mod request_log;
mod trusted_host;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::{BoxError, Router};
use tower::ServiceBuilder;
use tower::util::{BoxCloneSyncService, MapRequestLayer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::propagate_header::PropagateHeaderLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::validate_request::ValidateRequestHeaderLayer;

use self::body_limit::BodyLimit;
use self::trusted_host::TrustedHosts;
use crate::auth::X_API_KEY;
use crate::core::config::Settings;
use crate::core::headers::REQUEST_ID;
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
    // only with observability: begin
    let is_traced = settings.telemetry.otlp_endpoint.is_some();
    // Inside the router, which knows the route.
    let router = if is_traced || settings.metrics.port.is_some() {
        router.layer(MapRequestLayer::new(matched_route::record))
    } else {
        router
    };
    let metrics = settings.metrics.port.map(|_| from_fn(metrics::measure));
    // only with observability: end
    let rate_limit = limiter
        .limits_requests()
        .then(|| from_fn_with_state((Arc::clone(limiter), Arc::clone(settings)), rate_limit::limit_requests));

    let stack = ServiceBuilder::new()
        .option_layer(metrics) // only with observability
        .map_response(boxed)
        // Secrets are marked before anything can print them.
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE, X_API_KEY]))
        // `/users/` is `/users`, without a redirect.
        .layer(NormalizePathLayer::trim_trailing_slash())
        .map_request(request_id::set_request_id)
        .layer(PropagateHeaderLayer::new(REQUEST_ID))
        .layer(request_log::layer(is_traced))
        .map_future(request_log::log_cancelled)
        .map_future(process_time::add_process_time)
        .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, DATA_POLICY))
        // Outside everything that can refuse a request, so that a page can read why it was refused.
        .layer(cors::layer(&settings.cors))
        .map_response(boxed)
        .layer(CompressionLayer::new().compress_when(worth_compressing()))
        // Everything below may return an error. Its body is written here.
        .layer_fn(errors::layer)
        .layer(CatchPanicLayer::custom(errors::from_panic))
        .layer(ValidateRequestHeaderLayer::custom(TrustedHosts::new(&server.allowed_hosts)))
        .option_layer(rate_limit)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, request_timeout))
        .layer(ValidateRequestHeaderLayer::custom(BodyLimit::new(server)))
        .service(router);
    BoxCloneSyncService::new(stack)
}

/// Puts the body into a box. The type that the compression returns is large, and every layer above would move it.
fn boxed<B>(response: Response<B>) -> Response<Body>
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    response.map(Body::new)
}

/// Leaves out images and fonts, which are compressed already, events, which would wait in the encoder for one another,
/// and responses with a strong `ETag`, which names the exact bytes.
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
