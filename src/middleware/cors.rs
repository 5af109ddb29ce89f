//! CORS: which pages of other origins a browser lets read the answers.

use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;
use futures_util::future::Either;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{process_time, request_id};
use crate::core::config::CorsSettings;

/// What a page of another origin may do, as `cors` in the configuration says.
pub(super) fn layer(settings: &CorsSettings) -> CorsLayer {
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
        // On every answer already: see `Frame`.
        .vary([])
        .max_age(Duration::from_mins(10))
}

/// `tower_http`'s CORS for requests that name an origin; the others are not from a page.
#[derive(Clone)]
pub(super) struct Cors<S> {
    cross_origin: tower_http::cors::Cors<S>,
    inner: S,
}

impl<S: Clone> Cors<S> {
    pub(super) fn new(inner: S, layer: &CorsLayer) -> Self {
        Self { cross_origin: layer.layer(inner.clone()), inner }
    }
}

impl<S, B> Service<Request> for Cors<S>
where
    S: Service<Request, Response = Response<B>>,
    B: Default,
{
    type Response = Response<B>;
    type Error = S::Error;
    type Future = Either<<tower_http::cors::Cors<S> as Service<Request>>::Future, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        if request.headers().contains_key(header::ORIGIN) {
            Either::Left(self.cross_origin.call(request))
        } else {
            Either::Right(self.inner.call(request))
        }
    }
}
