//! Login, token refresh, and logout.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::password_attempt::finish;
use crate::auth::CurrentSession;
use crate::core::client::Client;
use crate::error::{Error, Result};
use crate::extract::{FromClient, ValidTokenForm};
use crate::rate_limit::{Action, Limiter};
use crate::schemas::login::{RefreshRequest, Token, TokenForm};
use crate::schemas::message::{ErrorRead, LoginErrorRead};
use crate::schemas::scope::ANY;
use crate::schemas::user::UserRead;
use crate::services::account::AccountContext;
use crate::services::account::{login, session, user};
use crate::state::AppState;
use crate::validation::ValidJson;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(login_access_token))
        // Not documented: for clients that expect `/token` below the API's prefix.
        .route("/token", post(login_access_token))
        .routes(routes!(refresh))
        .routes(routes!(test_token))
        .routes(routes!(logout))
        .routes(routes!(logout_all))
}

/// `/token`, outside the versioned API.
pub(super) fn token_router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(token))
}

/// Log in, or get the next pair of tokens.
///
/// The OAuth2 token endpoint, for the grants `password` and `refresh_token`. The access token is sent as
/// `Authorization: Bearer …`. The new tokens have the scope of the login; a `scope` in a refresh is ignored.
#[utoipa::path(
    post, path = "/login/access-token", tag = "login",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = OK, body = Token), (status = BAD_REQUEST, body = LoginErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn login_access_token(
    accounts: State<Arc<AccountContext>>,
    limiter: State<Arc<Limiter>>,
    client: FromClient,
    form: ValidTokenForm,
) -> Result<Json<Token>> {
    token(accounts, limiter, client, form).await
}

/// Log in, or get the next pair of tokens, at the path of the FastAPI tutorial.
///
/// The same as `/login/access-token`.
#[utoipa::path(
    post, path = "/token", tag = "login",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = OK, body = Token), (status = BAD_REQUEST, body = LoginErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn token(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    ValidTokenForm(form): ValidTokenForm,
) -> Result<Json<Token>> {
    match form {
        TokenForm::Login(form) => {
            let user = user::find_by_login(&accounts.db, &form.username).await?;
            let quota = login::quota_of_login(user.as_ref(), &form.username);
            let attempt = limiter.attempt(Action::Login, &quota, client.address).await?;
            finish(Some(attempt), login::login(&accounts, &client, user, form).await).await.map(Json)
        }
        TokenForm::Refresh(form) => match next_pair(&accounts, &limiter, &client, &form.refresh_token).await {
            Err(Error::Unauthorized) => Err(Error::InvalidRefreshToken),
            other => other,
        },
    }
}

/// Exchanges the refresh token for the next pair of tokens.
async fn next_pair(
    accounts: &AccountContext,
    limiter: &Limiter,
    client: &Client,
    refresh_token: &str,
) -> Result<Json<Token>> {
    let family = session::family(refresh_token).ok_or(Error::Unauthorized)?;
    let attempt = limiter.attempt(Action::Refresh, &family, client.address).await?;
    let token = session::refresh(accounts, client, refresh_token).await?;
    attempt.succeeded().await;
    Ok(Json(token))
}

/// Get the next pair of tokens.
///
/// The refresh token is used up. Using it again ends the session, except within a few seconds.
#[utoipa::path(
    post, path = "/login/refresh", tag = "login", request_body = RefreshRequest,
    responses(
        (status = OK, body = Token), (status = UNAUTHORIZED, body = ErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn refresh(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    ValidJson(RefreshRequest { refresh_token }): ValidJson<RefreshRequest>,
) -> Result<Json<Token>> {
    next_pair(&accounts, &limiter, &client, &refresh_token).await
}

/// Read the user of an access token.
#[utoipa::path(
    post, path = "/login/test-token", tag = "login", security(("oauth2" = [])),
    responses((status = OK, body = UserRead)),
)]
async fn test_token(CurrentSession { user, .. }: CurrentSession<ANY>) -> Json<UserRead> {
    Json(Arc::unwrap_or_clone(user).into())
}

/// Log out: end the current session.
#[utoipa::path(
    post, path = "/logout", tag = "login", security(("oauth2" = [])), responses((status = NO_CONTENT)),
)]
async fn logout(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    CurrentSession { user, session, .. }: CurrentSession<ANY>,
) -> Result<StatusCode> {
    match session::end(&accounts, &client, &user, session).await {
        // Ended by a concurrent request.
        Ok(()) | Err(Error::NotFound(_)) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error),
    }
}

/// Log out everywhere: end all of the caller's sessions.
#[utoipa::path(
    post, path = "/logout/all", tag = "login", security(("oauth2" = [])), responses((status = NO_CONTENT)),
)]
async fn logout_all(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    CurrentSession { user, .. }: CurrentSession<ANY>,
) -> Result<StatusCode> {
    session::end_all(&accounts, &client, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}
