//! The greeting at `/`.

use axum::Json;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::docs::{DOCS, OPENAPI, REDOC};
use crate::schemas::message::Greeting;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_root))
}

/// Greet, with links to the documentation.
#[utoipa::path(get, path = "/", tag = "root", responses((status = OK, body = Greeting)))]
async fn read_root() -> Json<Greeting> {
    Json(Greeting {
        message: "Hello World".to_owned(),
        docs: DOCS.to_owned(),
        redoc: REDOC.to_owned(),
        openapi: OPENAPI.to_owned(),
    })
}
