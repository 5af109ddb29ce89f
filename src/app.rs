//! The application: routes, documents and middleware, from the state alone.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::middleware::App;
use crate::state::AppState;
use crate::{documents, middleware, routes};

/// Builds the application. Does no I/O.
#[must_use]
pub fn build(state: AppState) -> App {
    let (router, document) = parts();
    let router = router.merge(documents::router(&document, &state.settings).with_state(()));
    let (settings, limiter) = (std::sync::Arc::clone(&state.settings), state.limiter.clone());
    let pulse = state.pulse.clone();
    middleware::apply(router.with_state(state), &settings, &limiter, &pulse)
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
