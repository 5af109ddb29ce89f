//! `/users/me/sessions`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::CurrentSession;
use crate::error::Result;
use crate::extract::FromClient;
use crate::schemas::page::Paging;
use crate::schemas::scope::ME;
use crate::schemas::session::{SessionPage, SessionPath};
use crate::services::account::AccountContext;
use crate::services::account::session;
use crate::state::AppState;
use crate::validation::{ValidPath, ValidQuery};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_sessions)).routes(routes!(end_session))
}

/// List the caller's sessions, newest first.
#[utoipa::path(
    get, path = "/", tag = "sessions", security(("oauth2" = ["me"])), params(Paging),
    responses((status = OK, body = SessionPage)),
)]
async fn read_sessions(
    State(accounts): State<Arc<AccountContext>>,
    CurrentSession { user, session, .. }: CurrentSession<ME>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<SessionPage>> {
    session::list(&accounts, &user, session, paging).await.map(Json)
}

/// End one of the caller's sessions.
#[utoipa::path(
    delete, path = "/{session_id}", tag = "sessions", security(("oauth2" = ["me"])), params(SessionPath),
    responses((status = NO_CONTENT)),
)]
async fn end_session(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    CurrentSession { user, .. }: CurrentSession<ME>,
    ValidPath(path): ValidPath<SessionPath>,
) -> Result<StatusCode> {
    session::end(&accounts, &client, &user, path.session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
