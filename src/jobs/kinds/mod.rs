//! The kinds of jobs: one file each, with what the job needs and what it does.
//!
//! A new kind is a variant of [`Job`], a file here, and a line in [`run`]. A job may run twice, because the process can
//! end between the work and recording that it is done.

pub mod clean_up;
pub mod email_verification;
pub mod link_mail;
pub mod notice;
pub mod notification;
pub mod password_recovery;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Context, Failure};
use crate::core::client::Client;
use crate::schemas::text::Email;
use link_mail::LinkMail;
use notice::Notice;
use notification::Notification;

/// A job. It is stored as JSON, so a member that is added later needs a default, and nothing secret belongs in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Delete expired rows.
    CleanUp,
    /// Mail a link again that verifies this address, if a user needs one.
    EmailVerification(AddressedTo),
    /// Mail a link that was issued.
    LinkMail(LinkMail),
    /// Tell the old address that there is a new one.
    Notice(Notice),
    /// Mail what a user wrote.
    Notification(Notification),
    /// Mail a link for a new password to this address, if a user has it.
    PasswordRecovery(AddressedTo),
}

/// The kinds that send mails. Together they get only a share of the worker's slots, because a mail server may be slow.
pub const MAIL_KINDS: [&str; 5] = ["email_verification", "link_mail", "notice", "notification", "password_recovery"];

/// An address that was entered, and the client that sent it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AddressedTo {
    pub email: Email,
    pub client: Client,
}

/// Runs the job. `id` is the same for every attempt.
pub(super) async fn run(context: &Context, id: Uuid, job: Job) -> Result<(), Failure> {
    match job {
        Job::CleanUp => clean_up::run(context).await,
        Job::EmailVerification(data) => email_verification::run(context, &data).await,
        Job::LinkMail(data) => link_mail::run(context, id, data).await,
        Job::Notice(data) => notice::run(context, id, &data).await,
        Job::Notification(data) => notification::run(context, id, &data).await,
        Job::PasswordRecovery(data) => password_recovery::run(context, &data).await,
    }
}
