//! Sessions on the wire.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use super::page::Page;
use crate::validation::schema::{documented, documented_parameters};

/// One login, from the password to the logout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionRead {
    /// The session's id.
    pub id: Uuid,
    /// What the program that logged in called itself.
    pub user_agent: Option<String>,
    /// Where it ran.
    pub address: Option<String>,
    /// What its tokens may be used for.
    pub scope: String,
    /// When the user logged in.
    pub created_at: DateTime<Utc>,
    /// When the session was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When it ends if it is not refreshed.
    pub expires_at: DateTime<Utc>,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// Some of the sessions.
pub type SessionPage = Page<SessionRead>;

/// The path to one session.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct SessionPath {
    /// The session's id.
    pub session_id: Uuid,
}

documented!(SessionRead, SessionPage);
documented_parameters!(Path: SessionPath);
