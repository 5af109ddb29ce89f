//! Passwords. `Debug` does not print them.

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::text::LINE;

/// A password of `MIN` to 128 characters of any script, without control characters.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", with = "String")]
#[schemars(extend("format" = "password", "minLength" = MIN, "maxLength" = MAX, "pattern" = LINE.as_str()))]
pub struct PasswordText<const MIN: usize>(SecretString);

/// A new password. Weak ones, and those that contain the user's name or email, are rejected when the hash is made:
/// checking them is expensive.
pub type NewPassword = PasswordText<8>;
/// A password to be verified.
pub type Password = PasswordText<1>;

const MAX: usize = 128;

impl<const MIN: usize> PasswordText<MIN> {
    /// The secret, to be hashed or verified.
    #[must_use]
    pub fn into_secret(self) -> SecretString {
        self.0
    }
}

impl<const MIN: usize> TryFrom<String> for PasswordText<MIN> {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let secret = SecretString::from(text);
        let text = secret.expose_secret();
        if (MIN..=MAX).contains(&text.chars().count()) && LINE.is_match(text) {
            Ok(Self(secret))
        } else {
            Err("not a valid password")
        }
    }
}
