//! Users on the wire.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use super::page::Page;
use super::password::{NewPassword, Password};
use super::patch;
use super::text::{Email, LINE, Username};
use crate::validation::schema::{documented, documented_parameters};

/// Where somebody lives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
pub struct Address {
    /// Street and number.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub street: String,
    /// Town.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub city: String,
    /// Country.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub country: String,
}

/// What somebody says to sign up, and a superuser to create a user.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = Self::example())]
pub struct UserCreate {
    /// To log in with; unique whatever its case.
    pub email: Email,
    /// To log in with.
    pub password: NewPassword,
    /// Another name to log in with, unique whatever its case; left out it is made from the email.
    pub username: Option<Username>,
    /// The person's name.
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: Option<String>,
    /// In years.
    #[validate(range(min = 0, max = 150))]
    pub age: Option<i32>,
    /// Where the person lives.
    #[validate(nested)]
    pub address: Option<Address>,
}

impl UserCreate {
    fn example() -> serde_json::Value {
        serde_json::json!({
            "email": "ann@example.com", "password": "correct horse battery", "username": "ann", "full_name": "Ann Example",
            "age": 30, "address": { "street": "1 Main Street", "city": "Springfield", "country": "Utopia" }
        })
    }
}

/// What users say to change themselves: only what is present.
#[derive(Debug, Default, Deserialize, Validate, JsonSchema)]
#[serde(default)]
#[schemars(example = serde_json::json!({ "full_name": "Ann Example", "age": 31 }))]
pub struct UserUpdateMe {
    /// To log in with; unique whatever its case. A new one needs a login of a moment ago, or `current_password`.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Email")]
    pub email: Option<Email>,
    /// The password that is set, to change the email address when the login was some time ago.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Password")]
    pub current_password: Option<Password>,
    /// Another name to log in with; unique whatever its case.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Username")]
    pub username: Option<Username>,
    /// The person's name; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: Option<Option<String>>,
    /// In years; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(range(min = 0, max = 150))]
    pub age: Option<Option<i32>>,
    /// Where the person lives, as a whole; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(nested)]
    pub address: Option<Option<Address>>,
}

/// What a superuser says to change a user: only what is present.
#[derive(Debug, Default, Deserialize, Validate, JsonSchema)]
#[serde(default)]
#[schemars(example = serde_json::json!({ "is_active": false }))]
pub struct UserUpdate {
    /// To log in with; unique whatever its case.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Email")]
    pub email: Option<Email>,
    /// To log in with.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "NewPassword")]
    pub password: Option<NewPassword>,
    /// Another name to log in with; unique whatever its case.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Username")]
    pub username: Option<Username>,
    /// The person's name; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: Option<Option<String>>,
    /// In years; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(range(min = 0, max = 150))]
    pub age: Option<Option<i32>>,
    /// Where the person lives, as a whole; `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(nested)]
    pub address: Option<Option<Address>>,
    /// Whether the user may log in.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "bool")]
    pub is_active: Option<bool>,
    /// Whether the user may do everything.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "bool")]
    pub is_superuser: Option<bool>,
}

/// What users say to change their password.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "current_password": "correct horse battery", "new_password": "staple battery horse" }))]
pub struct PasswordUpdate {
    /// The password that is set.
    pub current_password: Password,
    /// The password to be set: another one.
    pub new_password: NewPassword,
}

/// The optional body of an account's deletion.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "current_password": "correct horse battery" }))]
pub struct AccountDeletion {
    /// The current password. Required unless the login was recent.
    #[serde(default, deserialize_with = "patch::required")]
    #[schemars(with = "Password")]
    pub current_password: Option<Password>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UserRead {
    /// The user's id.
    pub id: Uuid,
    /// To log in with.
    pub email: String,
    /// Another name to log in with.
    pub username: String,
    /// The person's name.
    pub full_name: Option<String>,
    /// In years.
    pub age: Option<i32>,
    /// Where the person lives.
    pub address: Option<Address>,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Whether the user may do everything.
    pub is_superuser: bool,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
}

/// Some of the users.
pub type UserPage = Page<UserRead>;

/// The path to one user.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct UserPath {
    /// The user's id.
    pub user_id: Uuid,
}

documented!(AccountDeletion, UserCreate, UserUpdateMe, UserUpdate, PasswordUpdate, UserRead, UserPage);
documented_parameters!(Path: UserPath);
