//! `/audit-events`

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::Superuser;
use crate::core::database::Db;
use crate::error::Result;
use crate::schemas::audit_event::{AuditEventPage, AuditFilter};
use crate::schemas::page::Paging;
use crate::services::account::audit_event;
use crate::state::AppState;
use crate::validation::{Both, ValidQuery};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_audit_events))
}

/// List audit events, newest first.
#[utoipa::path(
    get, path = "/", tag = "audit-events", security(("oauth2" = ["users"])), params(AuditFilter, Paging),
    responses((status = OK, body = AuditEventPage)),
)]
async fn read_audit_events(
    State(db): State<Db>,
    _: Superuser,
    Both(ValidQuery(filter), ValidQuery(paging)): Both<ValidQuery<AuditFilter>, ValidQuery<Paging>>,
) -> Result<Json<AuditEventPage>> {
    audit_event::list(&db, filter, paging).await.map(Json)
}
