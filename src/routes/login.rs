//! Logging in.

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::CurrentUser;
use crate::core::clock::Clock;
use crate::core::database::Db;
use crate::core::security::{Passwords, Tokens};
use crate::error::Result;
use crate::extract::ValidForm;
use crate::schemas::login::{LoginForm, Token};
use crate::schemas::message::LoginErrorRead;
use crate::schemas::user::UserRead;
use crate::services::login;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(login_access_token)).routes(routes!(token)).routes(routes!(test_token))
}

/// Log in.
///
/// Takes the OAuth2 password form; the access token goes into `Authorization: Bearer …`.
#[utoipa::path(
    post, path = "/login/access-token", tag = "login",
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = OK, body = Token), (status = BAD_REQUEST, body = LoginErrorRead)),
)]
async fn login_access_token(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(tokens): State<Tokens>,
    State(clock): State<Clock>,
    ValidForm(form): ValidForm<LoginForm>,
) -> Result<Json<Token>> {
    login::login(&db, &passwords, &tokens, clock.now(), form).await.map(Json)
}

/// Log in, at the path of the FastAPI tutorial.
///
/// The same as `/login/access-token`.
#[utoipa::path(
    post, path = "/token", tag = "login",
    request_body(content = LoginForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = OK, body = Token), (status = BAD_REQUEST, body = LoginErrorRead)),
)]
async fn token(
    db: State<Db>,
    passwords: State<Passwords>,
    tokens: State<Tokens>,
    clock: State<Clock>,
    form: ValidForm<LoginForm>,
) -> Result<Json<Token>> {
    login_access_token(db, passwords, tokens, clock, form).await
}

/// Say whose token it is.
#[utoipa::path(
    post, path = "/login/test-token", tag = "login", security(("oauth2" = [])),
    responses((status = OK, body = UserRead)),
)]
async fn test_token(CurrentUser(user): CurrentUser) -> Json<UserRead> {
    Json(user.into())
}
