//! Limits the requests of each address.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::core::config::Settings;
use crate::error::Error;
use crate::rate_limit::Limiter;
use crate::server::{Peer, client_address};

/// Refuses requests over the limit with 429, and adds `RateLimit-*` headers to every response. In the stack only if
/// `rate_limit.requests_per_second` is set.
pub(super) async fn limit_requests(
    State((limiter, settings)): State<(Arc<Limiter>, Arc<Settings>)>,
    request: Request,
    next: Next,
) -> Response {
    // Health checks of several monitors may come from one address.
    if request.uri().path().starts_with("/health/") {
        return next.run(request).await;
    }
    let peer = request.extensions().get().map(|Peer(address)| *address);
    let address = client_address(peer, request.headers(), &settings.server.trusted_proxies);
    let Some(status) = limiter.request(address).await else { return next.run(request).await };
    if status.retry_after.is_some() {
        return Error::TooManyRequests(status).into_response();
    }
    let mut response = next.run(request).await;
    status.add_to(response.headers_mut());
    response
}
