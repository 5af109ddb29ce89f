//! Recovering an account, and verifying email addresses.

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::password::NewPassword;
use super::text::{Email, LINE};
use crate::validation::schema::{documented, documented_parameters};

/// A request for a mailed link.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "email": "ann@example.com" }))]
pub struct EmailRequest {
    /// The email address of the account.
    pub email: Email,
}

/// An email address in a path.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct EmailPath {
    /// The email address of the account.
    pub email: Email,
}

/// A new password, with the token of a mailed link.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "token": "from the link in the mail", "new_password": "correct horse battery" }))]
pub struct PasswordReset {
    /// The token of the link.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub token: String,
    /// The new password.
    pub new_password: NewPassword,
}

/// The verification of an email address with the token of a mailed link.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "token": "from the link in the mail" }))]
pub struct EmailVerification {
    /// The token of the link.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub token: String,
}

documented!(EmailRequest, PasswordReset, EmailVerification);
documented_parameters!(Path: EmailPath);
