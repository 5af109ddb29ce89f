//! API keys: requests and responses.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use super::page::Page;
use super::password::Password;
use super::patch;
use super::scope::KeyScopes;
use super::text::LINE;
use crate::validation::schema::{documented, documented_parameters};

/// A new API key.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "name": "backup", "scope": "users" }))]
pub struct ApiKeyCreate {
    /// What the key is for.
    #[validate(length(min = 1, max = 100), regex(path = *LINE))]
    pub name: String,
    /// The scopes, separated by spaces. Never `me`: the account itself needs a login.
    pub scope: KeyScopes,
    /// Days until the key expires. The server may have a lower maximum, which is also the default.
    #[validate(range(min = 1, max = 365))]
    pub expires_in_days: Option<u32>,
    /// The current password. Required unless the login was recent.
    #[serde(default, deserialize_with = "patch::required")]
    #[schemars(with = "Password")]
    pub current_password: Option<Password>,
}

/// An API key, without the key itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyRead {
    /// The key's id.
    pub id: Uuid,
    /// What the key is for.
    pub name: String,
    /// The scopes, separated by spaces.
    pub scope: String,
    /// When the key was created.
    pub created_at: DateTime<Utc>,
    /// When the key was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When the key expires.
    pub expires_at: DateTime<Utc>,
}

/// A new API key. The key itself is shown only once.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyCreated {
    /// The key, for `Authorization: Bearer …` or `X-API-Key: …`.
    pub key: String,
    /// The same data as in the list of keys.
    pub api_key: ApiKeyRead,
}

/// A page of API keys.
pub type ApiKeyPage = Page<ApiKeyRead>;

/// The path to one key.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct ApiKeyPath {
    /// The key's id.
    pub api_key_id: Uuid,
}

documented!(ApiKeyCreate, ApiKeyRead, ApiKeyCreated, ApiKeyPage);
documented_parameters!(Path: ApiKeyPath);
