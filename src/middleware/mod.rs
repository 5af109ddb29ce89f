//! What every request passes before it reaches its route, and every answer on its way back.

mod catch_panic;
mod compress;
mod cors;
mod deadline;
mod errors;
mod frame;
mod only_if;
mod process_time;
mod rate_limit;
mod refuse;
mod request_id;
mod trusted_host;
mod whole_body;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::header;
use axum::response::Response;
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder};
use tower_http::normalize_path::NormalizePathLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;

use catch_panic::CatchPanic;
use deadline::Deadline;
use only_if::OnlyIf;
use rate_limit::RateLimit;
use refuse::Refuse;
use trusted_host::TrustedHosts;
use whole_body::WholeBody;

use crate::core::config::Settings;
use crate::core::pulse::Pulse;
use crate::core::rate_limit::Limiter;

/// Wraps the router in the whole stack: what answers requests, and is always ready. Read downwards, it is the way of a
/// request; upwards, of its answer.
///
/// Layers stand around the router, not on its routes: each is built once, not once a route, and
/// `NormalizePath` has to act before the router looks at the path.
pub fn apply(
    router: Router,
    settings: &Arc<Settings>,
    limiter: &Arc<Limiter>,
    pulse: Pulse,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + use<> {
    let server = &settings.server;
    let seconds = Duration::from_secs;
    let trusted = TrustedHosts::new(&server.allowed_hosts);
    let request_timeout = seconds(server.request_timeout_seconds);
    let (max_body, body_timeout) = (server.max_body_bytes, seconds(server.body_timeout_seconds));
    let requests = limiter.limits_requests().then(|| {
        let (limiter, settings) = (Arc::clone(limiter), Arc::clone(settings));
        layer_fn(move |inner| RateLimit { inner, limiter: Arc::clone(&limiter), settings: Arc::clone(&settings) })
    });
    let cors = cors::layer(&settings.cors);
    ServiceBuilder::new()
        // Secrets are marked before anything could print them.
        .layer(SetSensitiveRequestHeadersLayer::new([header::AUTHORIZATION, header::COOKIE]))
        // `/items/` is `/items`, without a redirect.
        .layer_fn(|inner| OnlyIf::new(is_below_root, &NormalizePathLayer::trim_trailing_slash(), inner))
        // Request id, span and log line, process time, fixed headers, compression, and the body of every error
        // that comes up from below. It belongs on every answer, a CORS preflight's included, and never
        // answers by itself, so it may stand outside CORS.
        .layer_fn(frame::Frame::new)
        // Outside everything that can refuse a request, so that a page can read why it was refused.
        .layer_fn(move |inner| OnlyIf::new(cors::names_an_origin, &cors, inner))
        .layer_fn(|inner| CatchPanic { inner })
        .layer_fn(move |inner| Refuse { inner, trusted: trusted.clone() })
        .option_layer(requests)
        .layer_fn(move |inner| Deadline { inner, limit: request_timeout, pulse })
        // Last: who asks, and whether he may, is found out when the body is there.
        .layer_fn(move |inner| WholeBody { inner, limit: max_body, time: body_timeout })
        .service(router)
}

/// `/` ends with a slash, too: normalising it would take the URI apart and put it together again.
fn is_below_root(request: &Request) -> bool {
    request.uri().path() != "/"
}
