//! Password recovery and email verification, both by mailed links.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::error::Result;
use crate::extract::FromClient;
use crate::rate_limit::{Action, Limiter};
use crate::schemas::message::{ErrorRead, Message};
use crate::schemas::recovery::{EmailPath, EmailRequest, EmailVerification, PasswordReset};
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

/// Request a link to set a new password.
///
/// The response is the same for every address.
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

/// Request a link to set a new password, with the address in the path.
///
/// Prefer `/password-recovery`, which keeps the address out of access logs.
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
    // Counted even if it succeeds: each request may send a mail.
    let _attempt = limiter.attempt(Action::Mail, email.as_str(), client.address).await?;
    recovery::request(&accounts, &client, &email).await?;
    Ok(message("If that email is registered, we sent a password recovery link"))
}

/// Set a new password with the token of a mailed link.
///
/// Ends all sessions of the user, and revokes their API keys.
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

/// Request another link to verify an email address.
///
/// The response is the same for every address.
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
    verification::request(&accounts, &client, &email).await?;
    Ok(message("If that email is registered and not verified yet, we sent a link"))
}

/// Verify an email address with the token of a mailed link.
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
