//! How many requests one address may send.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tower::Service;

use crate::core::client::{self, Peer};
use crate::core::config::Settings;
use crate::core::rate_limit::Limiter;
use crate::error::Error;

/// Counts requests, refuses those that are too many, and says on every answer how many are left. In the stack only
/// where `rate_limit.requests_per_second` is set.
#[derive(Clone)]
pub(super) struct RateLimit<S> {
    pub(super) inner: S,
    pub(super) limiter: Arc<Limiter>,
    pub(super) settings: Arc<Settings>,
}

impl<S, B> Service<Request> for RateLimit<S>
where
    S: Service<Request, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<B>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let peer = request.extensions().get().map(|Peer(address)| *address);
        let address = client::address(peer, request.headers(), &self.settings.server.trusted_proxies);
        // Those who watch over the service are many askers at one address.
        let address = address.filter(|_| !request.uri().path().starts_with("/health/"));
        let (mut inner, limiter) = (self.inner.clone(), self.limiter.clone());
        Box::pin(async move {
            let allowance = limiter.request(address).await;
            match allowance {
                Some(allowance) if allowance.retry_after.is_some() => {
                    Ok(Error::TooManyRequests(allowance).into_response().map(|_| B::default()))
                }
                allowance => {
                    let mut response = inner.call(request).await?;
                    if let Some(allowance) = allowance {
                        allowance.add_to(response.headers_mut());
                    }
                    Ok(response)
                }
            }
        })
    }
}
