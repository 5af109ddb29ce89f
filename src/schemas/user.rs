//! Users: requests and responses.

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

/// A postal address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Validate, JsonSchema)]
pub struct Address {
    /// Street and number.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub street: String,
    /// City.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub city: String,
    /// Country.
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    pub country: String,
}

/// The body to sign up.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = Self::example())]
pub struct UserRegister {
    /// The email address to log in with. Unique, ignoring case.
    pub email: Email,
    /// The password.
    pub password: NewPassword,
    /// Another name to log in with. Unique, ignoring case. Made from the email address by default.
    pub username: Option<Username>,
    /// The full name.
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: Option<String>,
    /// The age in years.
    #[validate(range(min = 0, max = 150))]
    pub age: Option<i32>,
    /// The postal address.
    #[validate(nested)]
    pub address: Option<Address>,
}

impl UserRegister {
    fn example() -> serde_json::Value {
        serde_json::json!({
            "email": "ann@example.com", "password": "correct horse battery", "username": "ann", "full_name": "Ann Example",
            "age": 30, "address": { "street": "1 Main Street", "city": "Springfield", "country": "Utopia" }
        })
    }
}

/// A new user, created by a superuser.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = Self::example())]
pub struct UserCreate {
    /// The email address to log in with. Unique, ignoring case.
    pub email: Email,
    /// The password.
    pub password: NewPassword,
    /// Another name to log in with. Unique, ignoring case. Made from the email address by default.
    pub username: Option<Username>,
    /// The full name.
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: Option<String>,
    /// The age in years.
    #[validate(range(min = 0, max = 150))]
    pub age: Option<i32>,
    /// The postal address.
    #[validate(nested)]
    pub address: Option<Address>,
    /// Whether the user may log in.
    #[serde(default = "active")]
    pub is_active: bool,
    /// Whether the user is a superuser. Only a caller who has logged in can create one.
    #[serde(default)]
    pub is_superuser: bool,
}

fn active() -> bool {
    true
}

impl UserCreate {
    fn example() -> serde_json::Value {
        serde_json::json!({
            "email": "ann@example.com", "password": "correct horse battery", "username": "ann", "full_name": "Ann Example",
            "age": 30, "is_active": true, "is_superuser": false
        })
    }
}

/// Changes to the caller's own account. Absent fields stay the same.
#[derive(Debug, Default, Deserialize, Validate, JsonSchema)]
#[serde(default)]
#[schemars(example = serde_json::json!({ "full_name": "Ann Example", "age": 31 }))]
pub struct UserUpdateMe {
    /// The email address to log in with. Unique, ignoring case. A new one needs a recent login or `current_password`.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Email")]
    pub email: Option<Email>,
    /// The current password. Required for a new email address unless the login was recent.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Password")]
    pub current_password: Option<Password>,
    /// Another name to log in with. Unique, ignoring case.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Username")]
    pub username: Option<Username>,
    /// The full name. `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: Option<Option<String>>,
    /// The age in years. `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(range(min = 0, max = 150))]
    pub age: Option<Option<i32>>,
    /// The postal address, replaced as a whole. `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(nested)]
    pub address: Option<Option<Address>>,
}

/// Changes to a user by a superuser. Absent fields stay the same.
#[derive(Debug, Default, Deserialize, Validate, JsonSchema)]
#[serde(default)]
#[schemars(example = serde_json::json!({ "is_active": false }))]
pub struct UserUpdate {
    /// The email address to log in with. Unique, ignoring case.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Email")]
    pub email: Option<Email>,
    /// The new password.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "NewPassword")]
    pub password: Option<NewPassword>,
    /// Another name to log in with. Unique, ignoring case.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "Username")]
    pub username: Option<Username>,
    /// The full name. `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(length(max = 255), regex(path = *LINE))]
    pub full_name: Option<Option<String>>,
    /// The age in years. `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(range(min = 0, max = 150))]
    pub age: Option<Option<i32>>,
    /// The postal address, replaced as a whole. `null` clears it.
    #[serde(deserialize_with = "patch::optional")]
    #[validate(nested)]
    pub address: Option<Option<Address>>,
    /// Whether the user may log in.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "bool")]
    pub is_active: Option<bool>,
    /// Whether the user is a superuser.
    #[serde(deserialize_with = "patch::required")]
    #[schemars(with = "bool")]
    pub is_superuser: Option<bool>,
}

/// A change of the caller's password.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "current_password": "correct horse battery", "new_password": "staple battery horse" }))]
pub struct PasswordUpdate {
    /// The current password.
    pub current_password: Password,
    /// The new password. Must differ from the current one.
    pub new_password: NewPassword,
}

/// The optional body to delete the caller's account.
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
    /// The email address to log in with.
    pub email: String,
    /// Another name to log in with.
    pub username: String,
    /// The full name.
    pub full_name: Option<String>,
    /// The age in years.
    pub age: Option<i32>,
    /// The postal address.
    pub address: Option<Address>,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Whether the user is a superuser.
    pub is_superuser: bool,
    /// When the user was created.
    pub created_at: DateTime<Utc>,
}

/// A page of users.
pub type UserPage = Page<UserRead>;

/// The path to one user.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct UserPath {
    /// The user's id.
    pub user_id: Uuid,
}

documented!(AccountDeletion, UserCreate, UserRegister, UserUpdateMe, UserUpdate, PasswordUpdate, UserRead, UserPage);
documented_parameters!(Path: UserPath);
