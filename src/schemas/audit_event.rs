//! Audit events: queries and responses.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use super::page::Page;
use crate::validation::schema::{documented, documented_parameters};

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented variants would lengthen the document")]
pub enum AuditKind {
    // A user logged in.
    Login,
    // A login failed.
    LoginFailed,
    // A logged-in user sent a wrong current password.
    PasswordCheckFailed,
    // A session was ended.
    Logout,
    // A refresh token was used again after the grace period, so it was probably stolen. The session was ended.
    RefreshReused,
    // A user signed up or was created.
    UserCreated,
    // A user was deleted.
    UserDeleted,
    // A user became a superuser, or ceased to be one.
    RoleChanged,
    // A user was activated or deactivated.
    ActivityChanged,
    // A password was changed by its user or by a superuser.
    PasswordChanged,
    // only with jobs
    // A link to reset the password was requested.
    PasswordResetRequested,
    // only with jobs
    // A password was set with a mailed link.
    PasswordReset,
    // An email address was changed.
    EmailChanged,
    // only with jobs
    // A user followed the link that verifies the email address.
    EmailVerified,
    // only with api_keys
    // An API key was created.
    ApiKeyCreated,
    // only with api_keys
    // An API key was used, recorded at most once a minute.
    ApiKeyUsed,
    // only with api_keys
    // An API key was revoked.
    ApiKeyRevoked,
}

/// The kind of a stored event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RecordedKind {
    /// A kind that this version records.
    Known(AuditKind),
    /// A kind that another version has recorded.
    Unknown(String),
}

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEventRead {
    /// The event's id.
    pub id: Uuid,
    /// What happened.
    pub kind: RecordedKind,
    /// The user of the account.
    pub user_id: Option<Uuid>,
    /// The user that caused the event; absent if the client was not logged in.
    pub actor_id: Option<Uuid>,
    /// The client's IP address.
    pub address: Option<String>,
    /// Details, such as the id of a session or key.
    pub detail: Option<String>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// A page of events.
pub type AuditEventPage = Page<AuditEventRead>;

/// Filters for events.
#[derive(Debug, Clone, Deserialize, Validate, JsonSchema)]
pub struct AuditFilter {
    /// Events of this kind.
    pub kind: Option<AuditKind>,
    /// Events of this user's account.
    pub user_id: Option<Uuid>,
}

documented!(AuditEventRead, AuditEventPage);
documented_parameters!(Query: AuditFilter);
