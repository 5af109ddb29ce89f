//! The audit trail on the wire.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::Validate;

use super::page::Page;
use crate::validation::schema::{documented, documented_parameters};

/// What can happen to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "documented variants would lengthen the document")]
pub enum AuditKind {
    // Somebody logged in.
    Login,
    // Somebody did not get in.
    LoginFailed,
    // Somebody who was logged in was asked for the password, and did not know it.
    PasswordCheckFailed,
    // A session was ended.
    Logout,
    // A spent refresh token came again: it, or the one after it, is in wrong hands. The session was ended.
    RefreshReused,
    // A user signed up or was created.
    UserCreated,
    // A user was deleted.
    UserDeleted,
    // A user became a superuser, or is none any more.
    RoleChanged,
    // A user was activated or deactivated.
    ActivityChanged,
    // A password was changed by its user or a superuser.
    PasswordChanged,
    // A new password was asked for by mail.
    PasswordResetRequested,
    // A password was set by a mailed link.
    PasswordReset,
    // An address was changed.
    EmailChanged,
    // A user showed that mail to the address arrives.
    EmailVerified,
    // An API key was made.
    ApiKeyCreated,
    // An API key was used, for the first time in a while.
    ApiKeyUsed,
    // An API key was revoked.
    ApiKeyRevoked,
}

/// Something that happened to an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditEventRead {
    /// The event's id.
    pub id: Uuid,
    /// What happened.
    pub kind: AuditKind,
    /// Whose account it was; unknown for a login with a name that nobody has.
    pub user_id: Option<Uuid>,
    /// Who did it, when somebody was logged in.
    pub actor_id: Option<Uuid>,
    /// Where it came from.
    pub address: Option<String>,
    /// What else there is to say.
    pub detail: Option<String>,
    /// When it happened.
    pub created_at: DateTime<Utc>,
}

/// Some of the events.
pub type AuditEventPage = Page<AuditEventRead>;

/// Which events.
#[derive(Debug, Clone, Deserialize, Validate, JsonSchema)]
pub struct AuditFilter {
    /// Of this kind.
    pub kind: Option<AuditKind>,
    /// Of this user.
    pub user_id: Option<Uuid>,
}

documented!(AuditEventRead, AuditEventPage);
documented_parameters!(Query: AuditFilter);
