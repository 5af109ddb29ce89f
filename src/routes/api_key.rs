//! `/users/me/api-keys`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::password_attempt::{finish, password_attempt};
use crate::auth::CurrentSession;
use crate::error::Result;
use crate::extract::FromClient;
use crate::rate_limit::Limiter;
use crate::schemas::api_key::{ApiKeyCreate, ApiKeyCreated, ApiKeyPage, ApiKeyPath};
use crate::schemas::message::ErrorRead;
use crate::schemas::page::Paging;
use crate::schemas::scope::ME;
use crate::services::account::AccountContext;
use crate::services::account::api_key;
use crate::services::account::reauthentication::SessionUser;
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
/// The response is the only one that contains the key itself. Needs a recent login, or `current_password`: otherwise
/// 403, with the code `recent_login_required` in problem details.
#[utoipa::path(
    post, path = "/", tag = "api-keys", security(("oauth2" = ["me"])), request_body = ApiKeyCreate,
    responses(
        (status = CREATED, body = ApiKeyCreated), (status = BAD_REQUEST, body = ErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn create_api_key(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    CurrentSession { user, session, scopes, .. }: CurrentSession<ME>,
    ValidJson(data): ValidJson<ApiKeyCreate>,
) -> Result<(StatusCode, Json<ApiKeyCreated>)> {
    let caller = SessionUser { user: &user, session, client: &client };
    let password = password_attempt(&limiter, caller, data.current_password.as_ref()).await?;
    let created = finish(password, api_key::create(&accounts, caller, scopes, data).await).await?;
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
