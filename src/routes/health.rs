//! How the process is, for whatever looks after it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::core::database::Db;
use crate::core::rate_limit::Limiter;
use crate::core::readiness::Readiness;
use crate::error::{Error, Result};
use crate::schemas::message::Health;
use crate::services::health;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Whether the process runs. It says yes, or nothing.
#[utoipa::path(get, path = "/live", tag = "health", responses((status = OK, body = Health)))]
async fn live() -> Json<Health> {
    Json(Health { status: "ok".to_owned() })
}

/// Whether the process wants requests: not while it drains, nor while a needed dependency is down.
///
/// `degraded` while Redis is away, without which each process counts for itself.
#[utoipa::path(get, path = "/ready", tag = "health", responses((status = OK, body = Health)))]
async fn ready(
    State(readiness): State<Readiness>,
    State(db): State<Db>,
    State(limiter): State<Arc<Limiter>>,
) -> Result<Json<Health>> {
    if readiness.is_draining() {
        return Err(Error::Unavailable("the process is stopping".into()));
    }
    health::check(&db).await?;
    let status = if limiter.is_degraded().await { "degraded" } else { "ok" };
    Ok(Json(Health { status: status.to_owned() }))
}
