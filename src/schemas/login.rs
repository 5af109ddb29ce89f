//! Logging in, and refreshing tokens.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::password::Password;
use super::scope::Scopes;
use super::text::{LINE, pattern};
use crate::validation::schema::documented;

static PASSWORD: LazyLock<Regex> = LazyLock::new(|| pattern("^password$"));
static REFRESH_TOKEN: LazyLock<Regex> = LazyLock::new(|| pattern("^refresh_token$"));

/// The OAuth2 password form (RFC 6749, section 4.3).
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct LoginForm {
    /// Username or email.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub username: String,
    /// The password.
    pub password: Password,
    /// The scopes of the tokens, separated by spaces. All scopes by default.
    #[serde(default)]
    #[schemars(with = "Scopes")]
    pub scope: Option<Scopes>,
    /// Always `password`, if present.
    #[serde(default)]
    #[schemars(with = "String")]
    #[validate(regex(path = *PASSWORD))]
    pub grant_type: Option<String>,
}

/// The OAuth2 form for the next pair of tokens (RFC 6749, section 6).
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct RefreshForm {
    /// Always `refresh_token`.
    #[validate(regex(path = *REFRESH_TOKEN))]
    pub grant_type: String,
    /// The newest refresh token of the session.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub refresh_token: String,
}

/// The form of the token endpoint: `grant_type` says which.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum TokenForm {
    /// A login.
    Login(LoginForm),
    /// The next pair of tokens.
    Refresh(RefreshForm),
}

/// An access token and a refresh token (RFC 6749, section 5.1).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Sent as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// The lifetime of the access token in seconds.
    pub expires_in: u64,
    /// Valid once, for the next pair of tokens.
    pub refresh_token: String,
    /// The scopes of the access token, separated by spaces.
    pub scope: String,
}

/// A refresh token to exchange. It is used up.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "refresh_token": "from the last response" }))]
pub struct RefreshRequest {
    /// The newest refresh token of the session.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub refresh_token: String,
}

documented!(LoginForm, RefreshForm, TokenForm, Token, RefreshRequest);
