//! The application: routes, documentation pages and middleware, built from the state.

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::middleware;
use crate::openapi;
use crate::routes::{self, Dashboard, docs, frontend};
use crate::server::App;
use crate::state::AppState;

/// Builds the application. Does no I/O.
#[must_use]
pub fn build(state: &AppState) -> App {
    let (api, document) = api(state.settings.as_ref().into());
    let mut router = api.with_state(state.clone()).merge(docs::router(&document, &state.settings));
    if let Some(folder) = &state.settings.server.static_dir {
        router = frontend::add(router, folder);
    }
    middleware::apply(router, &state.settings, &state.limiter)
}

// only with jobs
/// Builds an application that has `/health` alone, for processes that serve nothing else.
#[must_use]
pub fn build_health(state: &AppState) -> App {
    let (router, _) = routes::health().split_for_parts();
    middleware::apply(router.with_state(state.clone()), &state.settings, &state.limiter)
}

/// The OpenAPI document of everything that [`build`] serves with these routes for the dashboard.
#[must_use]
pub fn document(dashboard: Dashboard) -> OpenApi {
    api(dashboard).1
}

fn api(dashboard: Dashboard) -> (Router<AppState>, OpenApi) {
    let documented = OpenApiRouter::with_openapi(openapi::base_document()).merge(routes::router(dashboard));
    let (router, mut document) = documented.split_for_parts();
    openapi::finalize(&mut document);
    (router, document)
}
