//! Logging in.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::password::Password;
use super::text::{LINE, pattern};
use crate::core::schema::documented;

static GRANT_TYPE: LazyLock<Regex> = LazyLock::new(|| pattern("^password$"));

/// The OAuth2 password form (RFC 6749, section 4.3).
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct LoginForm {
    /// Username or email.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub username: String,
    /// The password.
    pub password: Password,
    /// Always `password`, when it is given.
    #[serde(default)]
    #[schemars(with = "String")]
    #[validate(regex(path = *GRANT_TYPE))]
    pub grant_type: Option<String>,
}

/// An access token (RFC 6749, section 5.1).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Token {
    /// Sent as `Authorization: Bearer …`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// For how many seconds the token is good.
    pub expires_in: u64,
}

documented!(LoginForm, Token);
