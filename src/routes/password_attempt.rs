//! Limits guesses of passwords.

use crate::error::{Error, Result};
use crate::rate_limit::{Action, Attempt, Limiter};
use crate::schemas::password::Password;
use crate::services::account::login::quota_of_user;
use crate::services::account::reauthentication::SessionUser;

/// Counts the password of a request, if it has one, as a login attempt on the caller's account. The handler passes it
/// to [`finish`].
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

/// Gives the attempt back unless the password was wrong: a request with the right password that fails for another reason
/// was no guess.
///
/// # Errors
/// Those of the outcome.
pub(super) async fn finish<T>(attempt: Option<Attempt<'_>>, outcome: Result<T>) -> Result<T> {
    if let Some(attempt) = attempt {
        match outcome {
            Ok(_) => attempt.succeeded().await,
            Err(Error::InvalidGrant | Error::IncorrectPassword) => {}
            Err(_) => attempt.give_back().await,
        }
    }
    outcome
}
