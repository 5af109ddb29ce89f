//! `/users/me/api-keys`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::CurrentSession;
use crate::error::Result;
use crate::extract::FromClient;
use crate::schemas::api_key::{ApiKeyCreate, ApiKeyCreated, ApiKeyPage, ApiKeyPath};
use crate::schemas::page::Paging;
use crate::schemas::scope::ME;
use crate::services::account::AccountContext;
use crate::services::account::api_key::{self, KeyCreator};
use crate::state::AppState;
use crate::validation::{ValidJson, ValidPath, ValidQuery};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read_api_keys, create_api_key)).routes(routes!(revoke_api_key))
}

/// List the caller's API keys, newest first.
#[utoipa::path(
    get, path = "/", tag = "api-keys", security(("oauth2" = ["me"])), params(Paging),
    responses((status = OK, body = ApiKeyPage)),
)]
async fn read_api_keys(
    State(accounts): State<Arc<AccountContext>>,
    CurrentSession { user, .. }: CurrentSession<ME>,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<ApiKeyPage>> {
    api_key::list(&accounts.db, &user, paging).await.map(Json)
}

/// Create an API key.
///
/// The response is the only one that contains the key itself.
#[utoipa::path(
    post, path = "/", tag = "api-keys", security(("oauth2" = ["me"])), request_body = ApiKeyCreate,
    responses((status = CREATED, body = ApiKeyCreated)),
)]
async fn create_api_key(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    CurrentSession { user, session, scopes, .. }: CurrentSession<ME>,
    ValidJson(data): ValidJson<ApiKeyCreate>,
) -> Result<(StatusCode, Json<ApiKeyCreated>)> {
    let creator = KeyCreator { user: &user, session, scopes, client: &client };
    let created = api_key::create(&accounts, creator, data).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// Revoke an API key.
#[utoipa::path(
    delete, path = "/{api_key_id}", tag = "api-keys", security(("oauth2" = ["me"])), params(ApiKeyPath),
    responses((status = NO_CONTENT)),
)]
async fn revoke_api_key(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    CurrentSession { user, .. }: CurrentSession<ME>,
    ValidPath(path): ValidPath<ApiKeyPath>,
) -> Result<StatusCode> {
    api_key::revoke(&accounts, &client, &user, path.api_key_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
