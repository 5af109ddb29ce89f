//! What every request passes before it reaches its route, and every answer on its way back.

mod body_deadline;
mod errors;
mod frame;
mod process_time;
mod refuse;
mod request_id;
mod trusted_host;

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::Response;
use tower::ServiceBuilder;
use tower::util::BoxCloneSyncService;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::TimeoutLayer;

pub use body_deadline::BodyDeadlinePassed;
use refuse::Refuse;
use trusted_host::TrustedHosts;

use crate::core::config::{CorsSettings, Settings};

/// What answers requests: the router inside its middleware. Always ready.
pub type App = BoxCloneSyncService<Request, Response, Infallible>;

/// Wraps the router in the whole stack. Read downwards, it is the way of a request; upwards, of its answer.
///
/// Layers stand around the router, not on its routes: each is built once, not once a route, and
/// `NormalizePath` has to act before the router looks at the path.
pub fn apply(router: Router, settings: &Settings) -> App {
    let server = &settings.server;
    let seconds = Duration::from_secs;
    let trusted = TrustedHosts::new(&server.allowed_hosts);
    let stack = ServiceBuilder::new()
        // Secrets are marked before anything could print them.
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
        // `/items/` is `/items`, without a redirect.
        .layer(NormalizePathLayer::trim_trailing_slash())
        // Request id, span and log line, process time, fixed headers, and the body of every error that
        // comes up from below. It belongs on every answer, a CORS preflight's included, and never
        // answers by itself, so it may stand outside CORS.
        .layer_fn(frame::Frame::new)
        // Outside everything that can refuse a request, so that a page can read why it was refused.
        .layer(cors(&settings.cors))
        // Only bodies worth the work, and never one with an ETag, which names these very bytes.
        .layer(CompressionLayer::new().compress_when(SizeAbove::new(1024).and(has_no_etag)))
        .layer(CatchPanicLayer::custom(errors::from_panic))
        .layer_fn(move |inner| Refuse { inner, check: refuse::long_uris })
        .layer_fn(move |inner| Refuse {
            inner,
            check: {
                let trusted = trusted.clone();
                move |request: &Request| trusted.check(request)
            },
        })
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, seconds(server.request_timeout_seconds)))
        // A body is given a time to arrive, refused by its declared length, and cut off at the limit.
        .map_request(body_deadline::within(seconds(server.body_timeout_seconds)))
        .layer(RequestBodyLimitLayer::new(server.max_body_bytes))
        .service(router);
    BoxCloneSyncService::new(stack)
}

fn cors(settings: &CorsSettings) -> CorsLayer {
    let any = settings.allowed_origins.iter().any(|origin| origin == "*");
    let origins = settings.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let exposed = [header::ETAG, header::LOCATION, header::RETRY_AFTER, request_id::HEADER, process_time::HEADER];
    let allowed = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        request_id::HEADER,
    ];
    CorsLayer::new()
        .allow_origin(if any { AllowOrigin::any() } else { AllowOrigin::list(origins) })
        .allow_credentials(settings.allow_credentials && !any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(Vec::<HeaderName>::from(allowed))
        .expose_headers(Vec::<HeaderName>::from(exposed))
        .max_age(Duration::from_mins(10))
}

fn has_no_etag(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    !headers.contains_key(header::ETAG)
}
