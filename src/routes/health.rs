//! `/health`: for load balancers and orchestrators.

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::error::Result;
use crate::schemas::message::Health;
use crate::server::Readiness;
use crate::services::health;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Check that the process is running.
#[utoipa::path(get, path = "/live", tag = "health", responses((status = OK, body = Health)))]
async fn live() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

/// Check that the process can serve requests.
///
/// 503 during shutdown and while the database is unavailable. `degraded` while Redis is unavailable: each process then
/// counts rate limits by itself.
#[utoipa::path(get, path = "/ready", tag = "health", responses((status = OK, body = Health)))]
async fn ready(State(readiness): State<Readiness>) -> Result<Json<Health>> {
    health::ready(&readiness).map(Json)
}
