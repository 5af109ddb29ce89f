//! Logging in.

use chrono::{DateTime, Utc};

use crate::core::database::Db;
use crate::core::security::{Passwords, Tokens};
use crate::error::{Error, Result};
use crate::schemas::login::{LoginForm, Token};
use crate::services::user;

/// An access token for the user with this name or email and password.
///
/// # Errors
/// [`Error::InvalidGrant`] whether the user is unknown, inactive or the password is wrong, after the
/// same work.
pub async fn login(
    db: &Db,
    passwords: &Passwords,
    tokens: &Tokens,
    now: DateTime<Utc>,
    form: LoginForm,
) -> Result<Token> {
    let LoginForm { username, password, grant_type: _ } = form;
    let user = user::find_by_login(db, &username).await?;
    let hash = user.as_ref().map(|user| user.hashed_password.clone());
    let matches = passwords.verify(password.into_secret(), hash).await?;
    let user = user.filter(|user| matches && user.is_active).ok_or(Error::InvalidGrant)?;
    let token = tokens.issue(user.id, now)?;
    Ok(Token { access_token: token.text, token_type: "bearer".to_owned(), expires_in: token.expires_in })
}
