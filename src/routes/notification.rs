//! `/notifications`

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::CurrentUser;
use crate::error::Result;
use crate::extract::{FromClient, IdempotencyHeader, Idempotent};
use crate::rate_limit::{Action, Limiter};
use crate::schemas::message::{ErrorRead, Message};
use crate::schemas::notification::NotificationCreate;
use crate::schemas::scope::ME;
use crate::services::account::AccountContext;
use crate::services::notification;
use crate::state::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(create_notification))
}

/// Send a notification by mail.
///
/// Users can send notifications to their own address, superusers to any. The mail is sent after the response, and is
/// not lost if the server stops.
#[utoipa::path(
    post, path = "/", tag = "notifications", security(("oauth2" = ["me"])), params(IdempotencyHeader),
    request_body = NotificationCreate,
    responses((status = ACCEPTED, body = Message), (status = TOO_MANY_REQUESTS, body = ErrorRead)),
)]
async fn create_notification(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    CurrentUser(user): CurrentUser<ME>,
    FromClient(client): FromClient,
    Idempotent { key, data }: Idempotent<NotificationCreate>,
) -> Result<(StatusCode, Json<Message>)> {
    if !notification::is_repeated(&accounts, &user, key.as_ref()).await? {
        // Never given back: every notification is a mail.
        let _attempt = limiter.attempt(Action::Mail, &user.id.to_string(), client.address).await?;
    }
    notification::create(&accounts, &user, key, data).await?;
    Ok((StatusCode::ACCEPTED, Json(Message { message: "Notification scheduled".to_owned() })))
}
