//! `/.well-known` (RFC 8615).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::docs::DOCS;
use super::{JWKS, TOKEN};
use crate::core::config::Settings;
use crate::error::{Error, Result};
use crate::schemas::authorization_server::AuthorizationServer;
use crate::schemas::message::{ErrorRead, JwkSetRead};
use crate::schemas::scope::SCOPES;
use crate::services::account::AccountContext;
use crate::state::AppState;

const NO_METADATA: Error = Error::NotFound("server.public_url is not set, or auth.issuer is another");

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(jwks)).routes(routes!(authorization_server))
}

/// Read the public keys of access tokens.
///
/// Other services verify access tokens with them (RFC 7517). Empty if the tokens are signed with a secret key.
#[utoipa::path(get, path = "/jwks.json", tag = "login", responses((status = OK, body = JwkSetRead)))]
async fn jwks(State(accounts): State<Arc<AccountContext>>) -> Result<Json<JwkSetRead>> {
    let keys = serde_json::to_value(&accounts.tokens.jwks().keys).map_err(Error::internal)?;
    Ok(Json(JwkSetRead { keys: serde_json::from_value(keys).map_err(Error::internal)? }))
}

/// Read how to log in, as OAuth2 clients discover it (RFC 8414).
///
/// 404 while `server.public_url` is not set, or not the issuer of the tokens.
#[utoipa::path(
    get, path = "/oauth-authorization-server", tag = "login",
    responses((status = OK, body = AuthorizationServer), (status = NOT_FOUND, body = ErrorRead)),
)]
async fn authorization_server(
    State(settings): State<Arc<Settings>>,
    State(accounts): State<Arc<AccountContext>>,
) -> Result<Json<AuthorizationServer>> {
    let url = settings.server.public_url.as_ref().filter(|url| **url == settings.auth.issuer).ok_or(NO_METADATA)?;
    let has_keys = !accounts.tokens.jwks().keys.is_empty();
    Ok(Json(AuthorizationServer {
        issuer: url.clone(),
        token_endpoint: format!("{url}{TOKEN}"),
        jwks_uri: has_keys.then(|| format!("{url}{JWKS}")),
        scopes_supported: SCOPES.iter().map(|(name, ..)| (*name).to_owned()).collect(),
        response_types_supported: Vec::new(),
        grant_types_supported: vec!["password".to_owned(), "refresh_token".to_owned()],
        token_endpoint_auth_methods_supported: vec!["none".to_owned()],
        service_documentation: settings.server.docs.then(|| format!("{url}{DOCS}")),
    }))
}
