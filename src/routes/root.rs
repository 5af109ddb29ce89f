//! The greeting at `/`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::docs::{DOCS, OPENAPI, REDOC};
use crate::core::config::Settings;
use crate::schemas::message::Greeting;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_root))
}

/// Greet, with links to the documentation.
#[utoipa::path(get, path = "/", tag = "root", responses((status = OK, body = Greeting)))]
async fn read_root(State(settings): State<Arc<Settings>>) -> Json<Greeting> {
    let link = |path: &str| settings.server.docs.then(|| path.to_owned());
    Json(Greeting { message: "Hello World".to_owned(), docs: link(DOCS), redoc: link(REDOC), openapi: link(OPENAPI) })
}
