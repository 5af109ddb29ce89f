//! `/users`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::password_attempt::{finish, password_attempt};
use crate::auth::{CurrentSession, CurrentUser, Superuser, SuperuserSession};
use crate::core::database::Db;
use crate::error::{Error, Result};
use crate::extract::{FromClient, IdempotencyHeader, Idempotent};
use crate::rate_limit::{Action, Limiter};
use crate::schemas::message::{ErrorRead, Message};
use crate::schemas::page::Paging;
use crate::schemas::scope::{ME, USERS};
use crate::schemas::user::{
    AccountDeletion, PasswordUpdate, UserCreate, UserPage, UserPath, UserRead, UserRegister, UserUpdate, UserUpdateMe,
};
use crate::services::account::AccountContext;
use crate::services::account::login::quota_of_user;
use crate::services::account::reauthentication::SessionUser;
use crate::services::account::user::{self, Actor, Creator};
use crate::state::AppState;
use crate::validation::{Both, ValidJson, ValidPath, ValidQuery};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(read_users, create_user))
        .routes(routes!(signup))
        .routes(routes!(read_me, update_me, delete_me))
        .routes(routes!(update_password_me))
        .routes(routes!(read_user, update_user, delete_user))
}

/// Sign up.
///
/// With `auth.require_verified_email` the user can log in once they have followed the link that is mailed to them.
#[utoipa::path(
    post, path = "/signup", tag = "users", request_body = UserRegister,
    responses(
        (status = CREATED, body = UserRead), (status = CONFLICT, body = ErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn signup(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    ValidJson(data): ValidJson<UserRegister>,
) -> Result<(StatusCode, Json<UserRead>)> {
    let _attempt = limiter.attempt(Action::Signup, data.email.as_str(), client.address).await?;
    let user = user::sign_up(&accounts, &client, data).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// List all users, newest first.
#[utoipa::path(
    get, path = "/", tag = "users", security(("oauth2" = ["users"])), params(Paging),
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
///
/// An active user gets a mail with a link to choose a password.
///
/// A new superuser needs a recent login: otherwise 403, with the code `recent_login_required` in problem details.
#[utoipa::path(
    post, path = "/", tag = "users", security(("oauth2" = ["users"])), request_body = UserCreate,
    params(IdempotencyHeader),
    responses(
        (status = CREATED, body = UserRead), (status = FORBIDDEN, body = ErrorRead), (status = CONFLICT, body = ErrorRead),
    ),
)]
async fn create_user(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    actor: Superuser,
    Idempotent { key, data }: Idempotent<UserCreate>,
) -> Result<(StatusCode, Json<UserRead>)> {
    let creator = Creator { actor: Actor { id: actor.user.id, client: &client }, session: actor.session, key };
    let user = user::create(&accounts, creator, data).await?;
    Ok((StatusCode::CREATED, Json(user)))
}

/// Read the caller's own account.
#[utoipa::path(
    get, path = "/me", tag = "users", security(("oauth2" = ["me"])), responses((status = OK, body = UserRead)),
)]
async fn read_me(CurrentUser(user): CurrentUser<ME>) -> Json<UserRead> {
    Json(Arc::unwrap_or_clone(user).into())
}

/// Change the caller's own account.
///
/// A new email address needs a recent login, or `current_password`: otherwise 403, with the code
/// `recent_login_required` in problem details.
#[utoipa::path(
    patch, path = "/me", tag = "users", security(("oauth2" = ["me"])), request_body = UserUpdateMe,
    responses(
        (status = OK, body = UserRead), (status = BAD_REQUEST, body = ErrorRead), (status = CONFLICT, body = ErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn update_me(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    CurrentSession { user, session, .. }: CurrentSession<ME>,
    ValidJson(data): ValidJson<UserUpdateMe>,
) -> Result<Json<UserRead>> {
    let caller = SessionUser { user: &user, session, client: &client };
    // only with jobs
    let _mail = match &data.email {
        // A mail is sent to it.
        Some(email) if email.as_str() != user.email => {
            Some(limiter.attempt(Action::Mail, email.as_str(), client.address).await?)
        }
        _ => None,
    };
    let password = password_attempt(&limiter, caller, data.current_password.as_ref()).await?;
    let updated = user::update_me(&accounts, caller, data).await;
    finish(password, updated).await.map(Json)
}

/// Delete the caller's account, with everything that belongs to it.
///
/// Needs a recent login, or `current_password` in the body: otherwise 403, with the code `recent_login_required` in
/// problem details.
#[utoipa::path(
    delete, path = "/me", tag = "users", security(("oauth2" = ["me"])), request_body = AccountDeletion,
    responses(
        (status = NO_CONTENT), (status = BAD_REQUEST, body = ErrorRead), (status = CONFLICT, body = ErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn delete_me(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    CurrentSession { user, session, .. }: CurrentSession<ME>,
    body: Option<ValidJson<AccountDeletion>>,
) -> Result<StatusCode> {
    let caller = SessionUser { user: &user, session, client: &client };
    let current_password = body.and_then(|ValidJson(data)| data.current_password);
    let password = password_attempt(&limiter, caller, current_password.as_ref()).await?;
    let deleted = user::delete_me(&accounts, caller, current_password).await;
    finish(password, deleted).await.map(|()| StatusCode::NO_CONTENT)
}

/// Change the caller's password.
///
/// Ends all other sessions of the caller.
#[utoipa::path(
    patch, path = "/me/password", tag = "users", security(("oauth2" = ["me"])), request_body = PasswordUpdate,
    responses(
        (status = OK, body = Message), (status = BAD_REQUEST, body = ErrorRead),
        (status = TOO_MANY_REQUESTS, body = ErrorRead),
    ),
)]
async fn update_password_me(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    CurrentSession { user, session, .. }: CurrentSession<ME>,
    ValidJson(data): ValidJson<PasswordUpdate>,
) -> Result<Json<Message>> {
    let attempt = limiter.attempt(Action::Login, &quota_of_user(user.id), client.address).await?;
    let caller = SessionUser { user: &user, session, client: &client };
    finish(Some(attempt), user::update_password(&accounts, caller, data).await).await?;
    Ok(Json(Message { message: "Password updated successfully".to_owned() }))
}

/// Read a user: a superuser any user, others only themselves.
///
/// Reading your own account needs the scope `me` as well.
#[utoipa::path(
    get, path = "/{user_id}", tag = "users", security(("oauth2" = ["users"])), params(UserPath),
    responses((status = OK, body = UserRead)),
)]
async fn read_user(
    State(db): State<Db>,
    CurrentUser(caller): CurrentUser<USERS>,
    with_me_scope: Result<CurrentUser<ME>>,
    ValidPath(UserPath { user_id }): ValidPath<UserPath>,
) -> Result<Json<UserRead>> {
    if !caller.is_superuser && caller.id == user_id {
        with_me_scope?;
    }
    user::read(&db, &caller, user_id).await.map(Json)
}

/// Change a user.
///
/// Needs a superuser's login: an API key is not enough. To change the email address or password of a superuser, and to
/// make a user a superuser, the login must be recent: otherwise 403, with the code `recent_login_required` in problem
/// details.
#[utoipa::path(
    patch, path = "/{user_id}", tag = "users", security(("oauth2" = ["me", "users"])), params(UserPath), request_body = UserUpdate,
    responses((status = OK, body = UserRead), (status = FORBIDDEN, body = ErrorRead), (status = CONFLICT, body = ErrorRead)),
)]
async fn update_user(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    SuperuserSession { user: actor, session }: SuperuserSession,
    Both(ValidPath(UserPath { user_id }), ValidJson(data)): Both<ValidPath<UserPath>, ValidJson<UserUpdate>>,
) -> Result<Json<UserRead>> {
    let actor = SessionUser { user: &actor, session, client: &client };
    user::update(&accounts, actor, user_id, data).await.map(Json)
}

/// Delete a user, with everything that belongs to them.
///
/// To delete their own account, superusers need a recent login: otherwise 403, with the code `recent_login_required` in
/// problem details.
#[utoipa::path(
    delete, path = "/{user_id}", tag = "users", security(("oauth2" = ["users"])), params(UserPath),
    responses((status = NO_CONTENT), (status = FORBIDDEN, body = ErrorRead), (status = CONFLICT, body = ErrorRead)),
)]
async fn delete_user(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    Superuser { user: actor, session }: Superuser,
    ValidPath(UserPath { user_id }): ValidPath<UserPath>,
) -> Result<StatusCode> {
    if actor.id == user_id {
        let session = session.ok_or(Error::InsufficientScope)?;
        user::delete_me(&accounts, SessionUser { user: &actor, session, client: &client }, None).await?;
    } else {
        user::delete(&accounts, Actor { id: actor.id, client: &client }, user_id).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
