//! The origin of the page that sends a request.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use crate::core::config::Settings;
use crate::error::{Error, Result};

/// The request has no `Origin`, this server's own, or one of `cors.allowed_origins`. Browsers do not apply CORS to
/// WebSockets, so the server has to check.
///
/// # Errors
/// 403 for every other origin.
pub struct KnownOrigin;

impl<S> FromRequestParts<S> for KnownOrigin
where
    S: Send + Sync,
    Arc<Settings>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let mut origins = parts.headers.get_all(header::ORIGIN).iter();
        let origin = match (origins.next(), origins.next()) {
            (None, _) => return Ok(Self),
            (Some(origin), None) => origin.to_str().map_err(|_| Error::ForeignOrigin)?,
            _ => return Err(Error::ForeignOrigin),
        };
        let settings = Arc::<Settings>::from_ref(state);
        let is_allowed = settings.cors.allowed_origins.iter().any(|allowed| allowed == "*" || allowed == origin);
        // The trusted-host check has accepted the host. The scheme is unknown behind a proxy.
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let own = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let is_own = own.zip(host).is_some_and(|(own, host)| own.eq_ignore_ascii_case(host));
        if is_allowed || is_own { Ok(Self) } else { Err(Error::ForeignOrigin) }
    }
}
