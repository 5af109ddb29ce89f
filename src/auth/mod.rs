//! Who is calling, and with what. A requirement is a type in a handler's signature: [`CurrentUser`] is anyone with a
//! token or key for a scope, [`Superuser`] one who may do everything, [`CurrentSession`] one who has logged in
//! himself. Without any of them a route is open to all.

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

/// The header of an API key, beside `Authorization: Bearer`.
pub const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The user whose access token or API key came with the request, good for the scope:
/// `CurrentUser<ITEMS_READ>`.
///
/// # Errors
/// 401 without a good token or key of an active user, 403 when it is for something else. At most one query.
pub struct CurrentUser<const SCOPE: u8>(pub Arc<User>);

/// A superuser, with a token or key for looking after users.
///
/// # Errors
/// 401 as for [`CurrentUser`], 403 for everybody else.
pub struct Superuser(pub Arc<User>);

/// The user who has logged in himself, with a token for the scope; a key is not enough.
///
/// # Errors
/// As for [`CurrentUser`], and 403 for keys.
pub struct CurrentSession<const SCOPE: u8> {
    /// The user.
    pub user: Arc<User>,
    /// The session's id.
    pub session: Uuid,
    /// What its tokens may be used for.
    pub scopes: Scopes,
    /// When the token ends.
    pub token_expires_at: DateTime<Utc>,
}

/// Who opens a connection for messages: with a token as for [`CurrentSession`] with the scope `me`, or with a ticket in
/// the query.
///
/// # Errors
/// As for [`CurrentSession`], 401 without a good ticket, and 422 as for the query.
pub struct SocketAccess(pub SocketPrincipal);

/// A superuser who has logged in himself: a key must not change passwords and roles, its own user's least of all.
///
/// # Errors
/// As for [`Superuser`] and [`CurrentSession`].
pub struct SuperuserSession(pub Arc<User>);

impl<const SCOPE: u8> FromRequestParts<AppState> for CurrentUser<SCOPE> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        Ok(Self(authenticate::<SCOPE>(parts, state).await?.user))
    }
}

impl FromRequestParts<AppState> for Superuser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let user = authenticate::<USERS>(parts, state).await?.user;
        if user.is_superuser { Ok(Self(user)) } else { Err(Error::Forbidden) }
    }
}

impl<const SCOPE: u8> FromRequestParts<AppState> for CurrentSession<SCOPE> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let Principal { user, session, scopes, token_expires_at } = authenticate::<SCOPE>(parts, state).await?;
        let (session, token_expires_at) = session.zip(token_expires_at).ok_or(Error::InsufficientScope)?;
        Ok(Self { user, session, scopes, token_expires_at })
    }
}

impl<const SCOPE: u8> From<CurrentSession<SCOPE>> for SocketPrincipal {
    fn from(CurrentSession { user, session, token_expires_at, .. }: CurrentSession<SCOPE>) -> Self {
        Self { user: user.id, session, until: token_expires_at }
    }
}

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
        let session = CurrentSession::<{ ME | USERS }>::from_request_parts(parts, state).await?;
        if session.user.is_superuser { Ok(Self(session.user)) } else { Err(Error::Forbidden) }
    }
}

async fn authenticate<const SCOPE: u8>(parts: &mut Parts, state: &AppState) -> Result<Principal> {
    let accounts = &state.accounts;
    let Ok(FromClient(client)) = FromClient::from_request_parts(parts, state).await;
    let shown = credential(parts)?;
    let caller = if shown.starts_with(API_KEY_PREFIX) {
        api_key::authenticate(accounts, &client, shown).await?
    } else {
        let claims = accounts.tokens.verify(shown, accounts.now())?;
        session::authenticate(accounts, &claims).await?
    };
    if SCOPE == ANY || caller.scopes.allow(SCOPE) { Ok(caller) } else { Err(Error::InsufficientScope) }
}

/// The token or key of `Authorization: Bearer …` (RFC 6750), whatever the scheme's case, or the key of `X-API-Key`:
/// one of them, once.
fn credential(parts: &Parts) -> Result<&str> {
    let bearers = parts.headers.get_all(header::AUTHORIZATION).iter().map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    let keys = parts.headers.get_all(X_API_KEY).iter().map(|value| {
        // No way round for tokens.
        value.to_str().ok().filter(|key| key.starts_with(API_KEY_PREFIX))
    });
    let mut shown = bearers.chain(keys);
    match (shown.next(), shown.next()) {
        (Some(Some(shown)), None) => Ok(shown),
        _ => Err(Error::Unauthorized),
    }
}
