//! Logging in, and staying so.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::password::{NewPassword, Password};
use super::scope::Scopes;
use super::text::{Email, LINE, pattern};
use crate::validation::schema::{documented, documented_parameters};

static GRANT_TYPE: LazyLock<Regex> = LazyLock::new(|| pattern("^password$"));

/// The OAuth2 password form (RFC 6749, section 4.3).
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct LoginForm {
    /// Username or email.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub username: String,
    /// The password.
    pub password: Password,
    /// What the tokens may be used for: names with blanks between them; everything when it is left out.
    #[serde(default)]
    #[schemars(with = "Scopes")]
    pub scope: Option<Scopes>,
    /// Always `password`, when it is given.
    #[serde(default)]
    #[schemars(with = "String")]
    #[validate(regex(path = *GRANT_TYPE))]
    pub grant_type: Option<String>,
}

/// An access token, and what gets the next one (RFC 6749, section 5.1).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Sent as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// For how many seconds the access token is good.
    pub expires_in: u64,
    /// Good once, for the next pair.
    pub refresh_token: String,
    /// What the access token may be used for.
    pub scope: String,
}

/// A refresh token, to be spent.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "refresh_token": "as /token gave it" }))]
pub struct RefreshRequest {
    /// The newest refresh token of the session.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub refresh_token: String,
}

/// Whose password was forgotten, or whose address is to be confirmed.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "email": "ann@example.com" }))]
pub struct EmailRequest {
    /// The address of the account.
    pub email: Email,
}

/// The same as a path.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct EmailPath {
    /// The address of the account.
    pub email: Email,
}

/// A new password, on the strength of a mailed link.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "token": "from the link in the mail", "new_password": "correct horse battery" }))]
pub struct PasswordReset {
    /// The token of the link.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub token: String,
    /// The password to be set.
    pub new_password: NewPassword,
}

/// A mailed link that was followed.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "token": "from the link in the mail" }))]
pub struct EmailVerification {
    /// The token of the link.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub token: String,
}

documented!(LoginForm, Token, RefreshRequest, EmailRequest, PasswordReset, EmailVerification);
documented_parameters!(Path: EmailPath);
