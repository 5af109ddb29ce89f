//! Sessions: requests and responses.

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
    /// The `User-Agent` of the client that logged in.
    pub user_agent: Option<String>,
    /// The IP address of the client that logged in.
    pub address: Option<String>,
    /// The scopes of its tokens, separated by spaces.
    pub scope: String,
    /// When the user logged in.
    pub created_at: DateTime<Utc>,
    /// When the session was last refreshed.
    pub last_used_at: DateTime<Utc>,
    /// When it expires unless it is refreshed.
    pub expires_at: DateTime<Utc>,
    /// Whether it is the session of this request.
    pub is_current: bool,
}

/// A page of sessions.
pub type SessionPage = Page<SessionRead>;

/// The path to one session.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct SessionPath {
    /// The session's id.
    pub session_id: Uuid,
}

documented!(SessionRead, SessionPage);
documented_parameters!(Path: SessionPath);
