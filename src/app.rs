//! The application: routes, documents and middleware, from the state alone.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use tower::Service;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;
use crate::{documents, middleware, routes};

/// Builds the application. Does no I/O.
#[must_use]
pub fn build(
    state: &AppState,
) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + Sync + use<> {
    let (router, document) = parts();
    let router = router.merge(documents::router(&document, &state.settings).with_state(()));
    let router = router.with_state(state.clone());
    middleware::apply(router, &state.settings, &state.limiter, state.pulse)
}

/// The OpenAPI document of everything that [`build`] serves.
#[must_use]
pub fn document() -> OpenApi {
    parts().1
}

fn parts() -> (Router<AppState>, OpenApi) {
    let (router, mut document) =
        OpenApiRouter::with_openapi(documents::outline()).merge(routes::router()).split_for_parts();
    documents::complete(&mut document);
    (router, document)
}
