//! `/ws/ticket`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::CurrentSession;
use crate::error::Result;
use crate::schemas::scope::ME;
use crate::schemas::ticket::TicketRead;
use crate::services::account::AccountContext;
use crate::services::account::ticket;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_ticket))
}

/// Create a ticket that opens one WebSocket.
#[utoipa::path(
    post, path = "/ws/ticket", tag = "realtime", security(("oauth2" = ["me"])),
    responses((status = OK, body = TicketRead)),
)]
async fn create_ticket(
    State(accounts): State<Arc<AccountContext>>,
    CurrentSession { session, token_expires_at, .. }: CurrentSession<ME>,
) -> Result<Json<TicketRead>> {
    ticket::create(&accounts, session, token_expires_at).await.map(Json)
}
