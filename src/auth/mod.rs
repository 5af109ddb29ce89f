//! Guards: a requirement is a type in a handler's signature. A route without a guard is open to everyone.
//!
//! | guard | admits |
//! | --- | --- |
//! | [`CurrentUser`] | a user with an access token or API key that has the scope |
//! | [`CurrentSession`] | a user with an access token that has the scope |
//! | [`Superuser`] | a superuser with an access token or API key that has the scope `users` |
//! | [`SuperuserSession`] | a superuser with an access token that has the scopes `me` and `users` |
//! | [`SocketAccess`] | a user with an access token that has the scope `me`, or with a ticket | // only with realtime

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, header};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::core::security::API_KEY_PREFIX;
use crate::error::{Error, Result};
use crate::extract::FromClient;
use crate::schemas::realtime::SocketQuery;
use crate::schemas::scope::{ANY, ME, Scopes, USERS};
use crate::services::account::principal::{Principal, SocketPrincipal};
use crate::services::account::user::User;
use crate::services::account::{api_key, session, ticket};
use crate::state::AppState;
use crate::validation::ValidQuery;

// only with api_keys
/// The header for API keys; `Authorization: Bearer` takes them as well.
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The user of the request's access token or API key, which has the scope: `CurrentUser<ME>`.
///
/// # Errors
/// 401 without a valid token or key of an active user, 403 without the scope. At most one query.
pub struct CurrentUser<const SCOPE: u32>(pub Arc<User>);

/// A superuser, with a token or key that has the scope `users`.
///
/// # Errors
/// 401 as for [`CurrentUser`], 403 for all other users.
pub struct Superuser {
    /// The superuser.
    pub user: Arc<User>,
    /// The session of a token; `None` for a key.
    pub session: Option<Uuid>,
}

/// The user and session of the request's access token, which has the scope. API keys are refused.
///
/// # Errors
/// As for [`CurrentUser`], and 403 for API keys.
pub struct CurrentSession<const SCOPE: u32> {
    /// The user.
    pub user: Arc<User>,
    /// The session's id.
    pub session: Uuid,
    /// The scopes of the session's tokens.
    pub scopes: Scopes,
    /// When the token expires.
    pub token_expires_at: DateTime<Utc>,
}

// only with realtime
/// The user that opens a WebSocket: with a token as for [`CurrentSession`] with the scope `me`, or with a ticket in the
/// query.
///
/// # Errors
/// As for [`CurrentSession`], 401 for an invalid ticket, and 422 for an invalid query.
pub struct SocketAccess(pub SocketPrincipal);

/// A superuser with an access token. API keys are refused: they must not change passwords and roles.
///
/// # Errors
/// As for [`Superuser`] and [`CurrentSession`].
pub struct SuperuserSession {
    /// The superuser.
    pub user: Arc<User>,
    /// The session's id.
    pub session: Uuid,
}

impl<const SCOPE: u32> FromRequestParts<AppState> for CurrentUser<SCOPE> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        Ok(Self(authenticate::<SCOPE>(parts, state).await?.user))
    }
}

impl FromRequestParts<AppState> for Superuser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let Principal { user, session, .. } = authenticate::<USERS>(parts, state).await?;
        if user.is_superuser { Ok(Self { user, session }) } else { Err(Error::Forbidden) }
    }
}

impl<const SCOPE: u32> FromRequestParts<AppState> for CurrentSession<SCOPE> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let Principal { user, session, scopes, token_expires_at } = authenticate::<SCOPE>(parts, state).await?;
        let (session, token_expires_at) = session.zip(token_expires_at).ok_or(Error::InsufficientScope)?;
        Ok(Self { user, session, scopes, token_expires_at })
    }
}

// only with realtime
impl<const SCOPE: u32> From<CurrentSession<SCOPE>> for SocketPrincipal {
    fn from(CurrentSession { user, session, token_expires_at, .. }: CurrentSession<SCOPE>) -> Self {
        Self { user: user.id, session, token_expires_at }
    }
}

// only with realtime
impl FromRequestParts<AppState> for SocketAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let ValidQuery(query) = ValidQuery::<SocketQuery>::from_request_parts(parts, state).await?;
        Ok(Self(match query.ticket {
            Some(ticket) => ticket::redeem(&state.accounts, &ticket).await?,
            None => CurrentSession::<ME>::from_request_parts(parts, state).await?.into(),
        }))
    }
}

impl FromRequestParts<AppState> for SuperuserSession {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let CurrentSession { user, session, .. } =
            CurrentSession::<{ ME | USERS }>::from_request_parts(parts, state).await?;
        if user.is_superuser { Ok(Self { user, session }) } else { Err(Error::Forbidden) }
    }
}

async fn authenticate<const SCOPE: u32>(parts: &mut Parts, state: &AppState) -> Result<Principal> {
    let accounts = &state.accounts;
    let Ok(FromClient(client)) = FromClient::from_request_parts(parts, state).await;
    let credential = credential(parts)?;
    let principal = if credential.starts_with(API_KEY_PREFIX) {
        api_key::authenticate(accounts, &client, credential).await?
    } else {
        let claims = accounts.tokens.verify(credential, accounts.now())?;
        session::authenticate(accounts, &claims).await?
    };
    if SCOPE == ANY || principal.scopes.allow(SCOPE) { Ok(principal) } else { Err(Error::InsufficientScope) }
}

/// The token or key of `Authorization: Bearer …` (RFC 6750), whatever the scheme's case, or the key of `X-API-Key`.
/// Exactly one of them must be present.
fn credential(parts: &Parts) -> Result<&str> {
    let bearers = parts.headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let keys = parts.headers.get_all(X_API_KEY).iter().map(|value| {
        // Access tokens are not accepted in this header.
        value.to_str().ok().filter(|key| key.starts_with(API_KEY_PREFIX))
    });
    let mut credentials = bearers.chain(keys);
    match (credentials.next(), credentials.next()) {
        (Some(Some(credential)), None) => Ok(credential),
        _ => Err(Error::Unauthorized),
    }
}
