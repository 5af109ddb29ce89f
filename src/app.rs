//! The application: routes, documents and middleware, from the state alone.

use axum::Router;
use tower::Layer;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;
use crate::{documents, middleware, routes};

/// What answers requests: the router behind what makes `/items/` and `/items` the same path, which has
/// to happen before the router looks at it.
pub type App = NormalizePath<Router>;

/// Builds the application. Does no I/O.
#[must_use]
pub fn build(state: AppState) -> App {
    let (router, document) = parts();
    let router = router.merge(documents::router(&document, &state.settings).with_state(()));
    let settings = std::sync::Arc::clone(&state.settings);
    NormalizePathLayer::trim_trailing_slash().layer(middleware::apply(router.with_state(state), &settings))
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
