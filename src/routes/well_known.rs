//! `/.well-known` (RFC 8615).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::error::{Error, Result};
use crate::schemas::message::JwkSetRead;
use crate::services::account::AccountContext;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// Read the public keys of access tokens.
///
/// Other services verify access tokens with them (RFC 7517). Empty if the tokens are signed with a secret key.
#[utoipa::path(get, path = "/jwks.json", tag = "login", responses((status = OK, body = JwkSetRead)))]
async fn jwks(State(accounts): State<Arc<AccountContext>>) -> Result<Json<JwkSetRead>> {
    let keys = serde_json::to_value(&accounts.tokens.jwks().keys).map_err(Error::internal)?;
    Ok(Json(JwkSetRead { keys: serde_json::from_value(keys).map_err(Error::internal)? }))
}
