//! Who is calling. A requirement is a type in a handler's signature: [`CurrentUser`] is anyone who is
//! logged in, [`Superuser`] one who may do everything. Without either a route is open to all.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use crate::core::database::Db;
use crate::core::security::Tokens;
use crate::error::{Error, Result};
use crate::services::user::{self, User};

/// The user whose access token came with the request.
///
/// # Errors
/// 401 without a good token of an active user. One query.
pub struct CurrentUser(pub User);

impl<S> FromRequestParts<S> for CurrentUser
where
    S: Send + Sync,
    Db: FromRef<S>,
    Tokens: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let claims = Tokens::from_ref(state).verify(bearer(parts)?)?;
        let user = user::find_active(&Db::from_ref(state), claims.sub).await?;
        user.map(Self).ok_or(Error::Unauthorized)
    }
}

/// A [`CurrentUser`] who is a superuser.
///
/// # Errors
/// 401 as for [`CurrentUser`], 403 for everybody else.
pub struct Superuser(pub User);

impl<S> FromRequestParts<S> for Superuser
where
    S: Send + Sync,
    Db: FromRef<S>,
    Tokens: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let CurrentUser(user) = CurrentUser::from_request_parts(parts, state).await?;
        if user.is_superuser { Ok(Self(user)) } else { Err(Error::Forbidden) }
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750); the scheme's case does not matter.
fn bearer(parts: &Parts) -> Result<&str> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(Error::Unauthorized) };
    match value.to_str().ok().and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Error::Unauthorized),
    }
}
