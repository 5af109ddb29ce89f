//! Types for text with rules that several schemas share. Every value of such a type is valid.
//!
//! Their `description` is empty in the document, because each field of such a type has its own.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::schema::is_email;

/// One line of text: no control characters. PostgreSQL cannot store U+0000 at all.
pub static LINE: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[^\x00-\x1f\x7f-\x9f]*$"));
/// Text of several lines: line feeds and tabs are the only control characters.
pub static LINES: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[^\x00-\x08\x0b-\x1f\x7f-\x9f]*$"));
static USERNAME: LazyLock<Regex> = LazyLock::new(|| pattern("^[a-zA-Z0-9_-]*$"));

#[expect(clippy::expect_used, reason = "the patterns are constants, compiled by every test")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a valid pattern")
}

/// An email address of at most 255 characters. Stored as entered, unique ignoring case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", extend("format" = "email", "maxLength" = Self::MAX))]
pub struct Email(String);

impl Email {
    const MAX: usize = 255;

    /// The address as entered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl TryFrom<String> for Email {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > Self::MAX || !is_email(&text) {
            return Err("value is not a valid email address");
        }
        Ok(Self(text))
    }
}

/// A username: 3 to 50 characters of `[a-zA-Z0-9_-]`, unique ignoring case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", extend("minLength" = Self::MIN, "maxLength" = Self::MAX, "pattern" = USERNAME.as_str()))]
pub struct Username(String);

impl Username {
    const MIN: usize = 3;
    const MAX: usize = 50;

    /// The username as entered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A username made from an email's local part. If it is taken, `suffix` makes it unique.
    #[must_use]
    pub fn from_email(email: &Email, suffix: Option<&str>) -> Self {
        let kept = email.local_part().chars().filter(|c| USERNAME.is_match(c.encode_utf8(&mut [0; 4])));
        let mut name: String = kept.take(Self::MAX).collect();
        if let Some(suffix) = suffix {
            name.truncate(Self::MAX - suffix.len() - 1);
            name = format!("{name}-{suffix}");
        }
        while name.len() < Self::MIN {
            name.push('_');
        }
        Self(name)
    }
}

impl TryFrom<String> for Username {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (Self::MIN..=Self::MAX).contains(&text.len()) && USERNAME.is_match(&text) {
            Ok(Self(text))
        } else {
            Err("not a valid username")
        }
    }
}

/// A tag: one line of 1 to 30 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", extend("minLength" = 1, "maxLength" = Self::MAX, "pattern" = LINE.as_str()))]
pub struct Tag(String);

impl Tag {
    const MAX: usize = 30;

    /// The text of the tag.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl TryFrom<String> for Tag {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if !text.is_empty() && text.chars().count() <= Self::MAX && LINE.is_match(&text) {
            Ok(Self(text))
        } else {
            Err("not a valid tag")
        }
    }
}
