//! API keys on the wire.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use super::page::Page;
use super::scope::KeyScopes;
use super::text::LINE;
use crate::validation::schema::{documented, documented_parameters};

/// What somebody says to make a key.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
#[schemars(example = serde_json::json!({ "name": "backup", "scope": "items:read" }))]
pub struct ApiKeyCreate {
    /// What the key is for.
    #[validate(length(min = 1, max = 100), regex(path = *LINE))]
    pub name: String,
    /// What it may be used for: names with blanks between them. Never the account itself, which needs a login.
    pub scope: KeyScopes,
    /// For how many days it is good; for ever when it is left out.
    #[validate(range(min = 1, max = 3650))]
    pub expires_in_days: Option<i32>,
}

/// A key, without the key itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyRead {
    /// The key's id.
    pub id: Uuid,
    /// What it is for.
    pub name: String,
    /// What it may be used for.
    pub scope: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
}

/// A new key: the only time that it is shown.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct ApiKeyCreated {
    /// Sent as `Authorization: Bearer kl_…` or as `X-API-Key: kl_…`.
    pub key: String,
    /// What is known of it from now on.
    pub api_key: ApiKeyRead,
}

/// Some of the keys.
pub type ApiKeyPage = Page<ApiKeyRead>;

/// The path to one key.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct ApiKeyPath {
    /// The key's id.
    pub api_key_id: Uuid,
}

documented!(ApiKeyCreate, ApiKeyRead, ApiKeyCreated, ApiKeyPage);
documented_parameters!(Path: ApiKeyPath);
