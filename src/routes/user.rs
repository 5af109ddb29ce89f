//! `/users`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::answer::unless_known;
use crate::auth::{CurrentUser, Superuser};
use crate::core::clock::Clock;
use crate::core::database::Db;
use crate::core::security::Passwords;
use crate::error::Result;
use crate::extract::{Both, IfNoneMatch, ValidJson, ValidPath, ValidQuery};
use crate::schemas::item::{ItemRead, UserItemPath};
use crate::schemas::message::{ErrorRead, Message};
use crate::schemas::page::Paging;
use crate::schemas::user::{PasswordUpdate, UserCreate, UserPage, UserPath, UserRead, UserUpdate, UserUpdateMe};
use crate::services::{item, user};
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read_users, create_user))
        .routes(routes!(signup))
        .routes(routes!(read_me, update_me, delete_me))
        .routes(routes!(update_password_me))
        .routes(routes!(read_user, update_user, delete_user))
        .routes(routes!(read_user_item))
}

/// Sign up.
#[utoipa::path(
    post, path = "/signup", tag = "users", request_body = UserCreate,
    responses((status = CREATED, body = UserRead), (status = CONFLICT, body = ErrorRead)),
)]
async fn signup(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(clock): State<Clock>,
    ValidJson(data): ValidJson<UserCreate>,
) -> Result<(StatusCode, Json<UserRead>)> {
    let user = user::create(&db, &passwords, clock.now(), data, false).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// List all users, newest first.
#[utoipa::path(
    get, path = "/", tag = "users", security(("oauth2" = [])), params(Paging),
    responses((status = OK, body = UserPage), (status = FORBIDDEN, body = ErrorRead)),
)]
async fn read_users(
    State(db): State<Db>,
    _: Superuser,
    ValidQuery(paging): ValidQuery<Paging>,
) -> Result<Json<UserPage>> {
    user::list(&db, paging).await.map(Json)
}

/// Create a user.
#[utoipa::path(
    post, path = "/", tag = "users", security(("oauth2" = [])), request_body = UserCreate,
    responses(
        (status = CREATED, body = UserRead), (status = FORBIDDEN, body = ErrorRead), (status = CONFLICT, body = ErrorRead),
    ),
)]
async fn create_user(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    State(clock): State<Clock>,
    _: Superuser,
    ValidJson(data): ValidJson<UserCreate>,
) -> Result<(StatusCode, Json<UserRead>)> {
    let user = user::create(&db, &passwords, clock.now(), data, false).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Read the caller.
#[utoipa::path(
    get, path = "/me", tag = "users", security(("oauth2" = [])), responses((status = OK, body = UserRead)),
)]
async fn read_me(CurrentUser(user): CurrentUser) -> Json<UserRead> {
    Json(user.into())
}

/// Change the caller.
#[utoipa::path(
    patch, path = "/me", tag = "users", security(("oauth2" = [])), request_body = UserUpdateMe,
    responses((status = OK, body = UserRead), (status = CONFLICT, body = ErrorRead)),
)]
async fn update_me(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    CurrentUser(user): CurrentUser,
    ValidJson(data): ValidJson<UserUpdateMe>,
) -> Result<Json<UserRead>> {
    user::update(&db, &passwords, user.id, data.into()).await.map(Json)
}

/// Delete the caller, with all items.
#[utoipa::path(
    delete, path = "/me", tag = "users", security(("oauth2" = [])),
    responses((status = NO_CONTENT), (status = CONFLICT, body = ErrorRead)),
)]
async fn delete_me(State(db): State<Db>, CurrentUser(user): CurrentUser) -> Result<StatusCode> {
    user::delete(&db, user.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the caller's password.
#[utoipa::path(
    patch, path = "/me/password", tag = "users", security(("oauth2" = [])), request_body = PasswordUpdate,
    responses((status = OK, body = Message), (status = BAD_REQUEST, body = ErrorRead)),
)]
async fn update_password_me(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    CurrentUser(user): CurrentUser,
    ValidJson(data): ValidJson<PasswordUpdate>,
) -> Result<Json<Message>> {
    user::update_password(&db, &passwords, user, data).await?;
    Ok(Json(Message { message: "Password updated successfully".to_owned() }))
}

/// Read a user: oneself, or anyone as a superuser.
#[utoipa::path(
    get, path = "/{user_id}", tag = "users", security(("oauth2" = [])), params(UserPath),
    responses((status = OK, body = UserRead)),
)]
async fn read_user(
    State(db): State<Db>,
    CurrentUser(caller): CurrentUser,
    ValidPath(UserPath { user_id }): ValidPath<UserPath>,
) -> Result<Json<UserRead>> {
    user::read(&db, caller, user_id).await.map(Json)
}

/// Change a user.
#[utoipa::path(
    patch, path = "/{user_id}", tag = "users", security(("oauth2" = [])), params(UserPath), request_body = UserUpdate,
    responses((status = OK, body = UserRead), (status = FORBIDDEN, body = ErrorRead), (status = CONFLICT, body = ErrorRead)),
)]
async fn update_user(
    State(db): State<Db>,
    State(passwords): State<Passwords>,
    _: Superuser,
    Both(ValidPath(UserPath { user_id }), ValidJson(data)): Both<ValidPath<UserPath>, ValidJson<UserUpdate>>,
) -> Result<Json<UserRead>> {
    user::update(&db, &passwords, user_id, data).await.map(Json)
}

/// Delete a user, with all items.
#[utoipa::path(
    delete, path = "/{user_id}", tag = "users", security(("oauth2" = [])), params(UserPath),
    responses((status = NO_CONTENT), (status = FORBIDDEN, body = ErrorRead), (status = CONFLICT, body = ErrorRead)),
)]
async fn delete_user(
    State(db): State<Db>,
    _: Superuser,
    ValidPath(UserPath { user_id }): ValidPath<UserPath>,
) -> Result<StatusCode> {
    user::delete(&db, user_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read one item of a user.
#[utoipa::path(
    get, path = "/{user_id}/items/{item_id}", tag = "users", security(("oauth2" = [])),
    params(UserItemPath, IfNoneMatch),
    responses(
        (status = OK, body = ItemRead, headers(("ETag" = String))), (status = NOT_MODIFIED, headers(("ETag" = String))),
    ),
)]
async fn read_user_item(
    State(db): State<Db>,
    CurrentUser(caller): CurrentUser,
    ValidPath(UserItemPath { user_id, item_id }): ValidPath<UserItemPath>,
    known: IfNoneMatch,
) -> Result<axum::response::Response> {
    Ok(unless_known(item::read_of_owner(&db, &caller, user_id, item_id).await?, &known))
}
