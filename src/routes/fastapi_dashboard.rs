//! Routes that only the dashboard of the FastAPI full-stack template needs. `server.fastapi_dashboard` turns them on.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::auth::{Superuser, SuperuserSession};
use crate::core::config::{Environment, Settings};
use crate::error::{Error, Result};
use crate::extract::FromClient;
use crate::jobs::kinds::email_token::{Link, preview};
use crate::rate_limit::{Action, Limiter};
use crate::schemas::fastapi_dashboard::{PrivateUserCreate, TestEmail};
use crate::schemas::message::{ErrorRead, Message};
use crate::schemas::notification::NotificationCreate;
use crate::schemas::recovery::EmailPath;
use crate::schemas::user::UserRead;
use crate::services::account::AccountContext;
use crate::services::account::reauthentication::SessionUser;
use crate::services::account::recovery;
use crate::services::account::user;
use crate::services::notification;
use crate::state::AppState;
use crate::validation::{ValidJson, ValidPath, ValidQuery};

/// Which of the routes are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dashboard {
    /// None.
    Off,
    /// All but those under `/private`.
    WithoutPrivate,
    /// All.
    WithPrivate,
}

impl From<&Settings> for Dashboard {
    fn from(settings: &Settings) -> Self {
        match (settings.server.fastapi_dashboard, settings.environment) {
            (false, _) => Self::Off,
            (true, Environment::Production) => Self::WithoutPrivate,
            (true, _) => Self::WithPrivate,
        }
    }
}

pub(super) fn router(dashboard: Dashboard) -> OpenApiRouter<AppState> {
    let router = OpenApiRouter::new();
    if dashboard == Dashboard::Off {
        return router;
    }
    let router = router.routes(routes!(health_check)).routes(routes!(test_email)).routes(routes!(recovery_html));
    if dashboard == Dashboard::WithPrivate { router.routes(routes!(create_private_user)) } else { router }
}

/// Check that the server runs.
#[utoipa::path(
    get, path = "/utils/health-check", tag = "utils",
    responses((status = OK, body = bool, content_type = "application/json")),
)]
async fn health_check() -> Json<bool> {
    Json(true)
}

/// Send a test email.
///
/// For superusers. It is sent after the response.
#[utoipa::path(
    post, path = "/utils/test-email", tag = "utils", security(("oauth2" = ["users"])), params(TestEmail),
    responses((status = CREATED, body = Message), (status = TOO_MANY_REQUESTS, body = ErrorRead)),
)]
async fn test_email(
    State(accounts): State<Arc<AccountContext>>,
    State(limiter): State<Arc<Limiter>>,
    Superuser { user, .. }: Superuser,
    FromClient(client): FromClient,
    ValidQuery(TestEmail { email_to }): ValidQuery<TestEmail>,
) -> Result<(StatusCode, Json<Message>)> {
    let _attempt = limiter.attempt(Action::Mail, &user.id.to_string(), client.address).await?;
    let data = NotificationCreate { email: email_to, message: format!("Test email from {}.", env!("CARGO_PKG_NAME")) };
    notification::create(&accounts, &user, None, data).await?;
    Ok((StatusCode::CREATED, Json(Message { message: "Test email sent".to_owned() })))
}

/// Read the mail for a new password, instead of sending it.
///
/// For superusers who have logged in: not with a key. For their own account the login must be recent. The link in the
/// mail works, and is in the audit trail.
#[utoipa::path(
    post, path = "/password-recovery-html-content/{email}", tag = "utils",
    security(("oauth2" = ["me", "users"])), params(EmailPath),
    responses((
        status = OK, body = String, content_type = "text/html",
        headers(("subject" = String, description = "The subject of the mail.")),
    )),
)]
async fn recovery_html(
    State(accounts): State<Arc<AccountContext>>,
    State(settings): State<Arc<Settings>>,
    SuperuserSession { user, session }: SuperuserSession,
    FromClient(client): FromClient,
    ValidPath(EmailPath { email }): ValidPath<EmailPath>,
) -> Result<([(&'static str, &'static str); 1], Html<String>)> {
    let issued = recovery::issue_link(&accounts, SessionUser { user: &user, session, client: &client }, &email).await?;
    let (subject, html) = preview(&settings.mail, Link::PasswordRecovery, &issued).map_err(Error::internal)?;
    Ok(([("subject", subject)], Html(html)))
}

/// Create a user without logging in, for tests of a front end.
///
/// Never in production.
#[utoipa::path(
    post, path = "/private/users", tag = "private", request_body = PrivateUserCreate,
    responses((status = OK, body = UserRead), (status = CONFLICT, body = ErrorRead)),
)]
async fn create_private_user(
    State(accounts): State<Arc<AccountContext>>,
    FromClient(client): FromClient,
    ValidJson(data): ValidJson<PrivateUserCreate>,
) -> Result<Json<UserRead>> {
    Ok(Json(user::sign_up(&accounts, &client, data.into()).await?))
}
