//! What is done outside the request: the kinds of jobs, and what each needs. A job is stored as its JSON, so a
//! member that is added later needs a default.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::text::Email;
use crate::core::client::Client;

/// A job, by its kind. What is secret is not in it: it lies in the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Delete what is past.
    CleanUp,
    /// Mail a link again that verifies this address, if somebody needs one.
    EmailVerification(AddressedTo),
    /// Mail a link that was issued.
    LinkMail(LinkMail),
    /// Tell the old address that there is a new one.
    Notice(Notice),
    /// Mail what a user wrote.
    Notification(Notification),
    /// Mail a link for a new password to this address, if somebody has it.
    PasswordRecovery(AddressedTo),
}

/// An address that somebody entered, and who that was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the type says it")]
pub struct AddressedTo {
    pub email: Email,
    pub client: Client,
}

/// A link to mail: by the row that stands for it, from which its token is derived.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LinkMail {
    /// The row's id.
    pub link: Uuid,
    /// What the mail says.
    pub template: LinkTemplate,
}

/// What a mail with a link is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTemplate {
    /// Confirm the address.
    EmailVerification,
    /// A superuser has made an account: set its password.
    NewAccount,
    /// Set a new password.
    PasswordRecovery,
}

/// What the old address is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The old address.
    pub to: String,
    /// Whether the new one counts already.
    pub is_done: bool,
}

/// What a user has somebody told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Notification {
    pub to: Email,
    pub message: String,
}
