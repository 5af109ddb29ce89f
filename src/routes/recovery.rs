//! What mailed links are for: a new password, and an address that works.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::error::Result;
use crate::extract::FromClient;
use crate::jobs::kinds::AddressedTo;
use crate::rate_limit::{Action, Limiter};
use crate::schemas::login::{EmailPath, EmailRequest, EmailVerification, PasswordReset};
use crate::schemas::message::{ErrorRead, Message};
use crate::schemas::text::Email;
use crate::services::account::AccountContext;
use crate::services::account::{recovery, verification};
use crate::state::AppState;
use crate::validation::{ValidJson, ValidPath};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(recover_password))
        .routes(routes!(recover_password_by_path))
        .routes(routes!(reset_password))
        .routes(routes!(request_email_verification))
        .routes(routes!(verify_email))
}

fn message(text: &str) -> Json<Message> {
    Json(Message { message: text.to_owned() })
}

/// Ask for a link to set a new password.
///
/// The answer is the same whether anybody has the address.
#[utoipa::path(
    post, path = "/password-recovery", tag = "recovery", request_body = EmailRequest,
    responses((status = OK, body = Message), (status = TOO_MANY_REQUESTS, body = ErrorRead)),
)]
async fn recover_password(
    accounts: State<Arc<AccountContext>>,
    limiter: State<Arc<Limiter>>,
    client: FromClient,
    ValidJson(EmailRequest { email }): ValidJson<EmailRequest>,
) -> Result<Json<Message>> {
    recover(accounts, limiter, client, email).await
}

/// Ask for a link to set a new password, with the address in the path.
///
/// The same as `/password-recovery`, which keeps the address out of logs.
#[utoipa::path(
    post, path = "/password-recovery/{email}", tag = "recovery", params(EmailPath),
    responses((status = OK, body = Message), (status = TOO_MANY_REQUESTS, body = ErrorRead)),
)]
async fn recover_password_by_path(
    accounts: State<Arc<AccountContext>>,
    limiter: State<Arc<Limiter>>,
    client: FromClient,
    ValidPath(EmailPath { email }): ValidPath<EmailPath>,
) -> Result<Json<Message>> {
    recover(accounts, limiter, client, email).await
}

async fn recover(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    email: Email,
) -> Result<Json<Message>> {
    // Not given back: each is a mail in somebody's box.
    let _attempt = limiter.attempt(Action::Mail, email.as_str(), client.address).await?;
    recovery::request(&accounts, AddressedTo { email, client }).await?;
    Ok(message("If that email is registered, we sent a password recovery link"))
}

/// Set a new password with the token of a mailed link.
///
/// All sessions of the user end.
#[utoipa::path(
    post, path = "/reset-password", tag = "recovery", request_body = PasswordReset,
    responses((status = OK, body = Message), (status = BAD_REQUEST, body = ErrorRead)),
)]
async fn reset_password(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    ValidJson(data): ValidJson<PasswordReset>,
) -> Result<Json<Message>> {
    recovery::reset(&accounts, &client, data).await?;
    Ok(message("Password updated successfully"))
}

/// Ask again for the link that verifies an address.
///
/// The answer is the same whether anybody has the address.
#[utoipa::path(
    post, path = "/email-verification", tag = "recovery", request_body = EmailRequest,
    responses((status = OK, body = Message), (status = TOO_MANY_REQUESTS, body = ErrorRead)),
)]
async fn request_email_verification(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    FromClient(client): FromClient,
    ValidJson(EmailRequest { email }): ValidJson<EmailRequest>,
) -> Result<Json<Message>> {
    let _attempt = limiter.attempt(Action::Mail, email.as_str(), client.address).await?;
    verification::request(&accounts, AddressedTo { email, client }).await?;
    Ok(message("If that email is registered and not verified yet, we sent a link"))
}

/// Verify an address with the token of a mailed link.
#[utoipa::path(
    post, path = "/verify-email", tag = "recovery", request_body = EmailVerification,
    responses(
        (status = OK, body = Message), (status = BAD_REQUEST, body = ErrorRead), (status = CONFLICT, body = ErrorRead),
    ),
)]
async fn verify_email(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    ValidJson(data): ValidJson<EmailVerification>,
) -> Result<Json<Message>> {
    verification::verify(&accounts, &client, data).await?;
    Ok(message("Email verified successfully"))
}
