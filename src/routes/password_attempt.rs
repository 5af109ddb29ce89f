//! Limits guesses of the password in requests that may contain `current_password`.

use crate::error::Result;
use crate::rate_limit::{Action, Attempt, Limiter};
use crate::schemas::password::Password;
use crate::services::account::login::quota_of_user;
use crate::services::account::reauthentication::SessionUser;

/// Counts the password of a request, if it has one, as a login attempt on the caller's account. The handler calls
/// [`Attempt::succeeded`] once the service has accepted the request.
///
/// # Errors
/// 429 over the limit.
pub(super) async fn password_attempt<'a>(
    limiter: &'a Limiter,
    caller: SessionUser<'_>,
    current_password: Option<&Password>,
) -> Result<Option<Attempt<'a>>> {
    if current_password.is_none() {
        return Ok(None);
    }
    let attempt = limiter.attempt(Action::Login, &quota_of_user(caller.user.id), caller.client.address).await?;
    Ok(Some(attempt))
}
