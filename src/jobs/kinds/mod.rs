//! The kinds of jobs. Each file has the payload of one kind and the function that runs it.
//!
//! A new kind is a file here, a variant of [`Job`], and a line in [`run`]; a kind that sends a mail is in
//! [`MAIL_KINDS`], too. A job may run twice, because the process can end between the work and recording that it is done.

pub mod clean_up;
pub mod email_change_notice;
pub mod email_token;
pub mod notification;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Context, Failure};
use email_change_notice::EmailChangeNotice;
use email_token::EmailToken;
use notification::Notification;

/// A job. It is stored as JSON, so a field added later needs a default, and no field may contain a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum Job {
    /// Delete expired rows.
    CleanUp,
    /// Tell the old email address about a new one.
    EmailChangeNotice(EmailChangeNotice),
    /// Mail a link that was requested.
    EmailToken(EmailToken),
    // only with notifications
    /// Mail a user's message.
    Notification(Notification),
}

/// The kinds that send mails. Together they get only a share of the worker's slots, because a mail server may be slow.
pub const MAIL_KINDS: &[&str] = &["email_change_notice", "email_token", "notification"];

/// Runs the job. `id` is the same for every attempt.
pub(super) async fn run(context: &Context, id: Uuid, job: Job) -> Result<(), Failure> {
    match job {
        Job::CleanUp => clean_up::run(context).await,
        Job::EmailChangeNotice(data) => email_change_notice::run(context, id, &data).await,
        Job::EmailToken(data) => email_token::run(context, id, &data).await,
        Job::Notification(data) => notification::run(context, id, &data).await, // only with notifications
    }
}
