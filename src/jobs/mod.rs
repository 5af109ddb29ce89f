//! What is done outside the request, and survives a crash: one file a kind of job. A service writes a
//! [`Job`] in its transaction ([`job::enqueue`](crate::services::job::enqueue)), a [`worker`] runs it, at least once.
//!
//! A new kind is a variant of [`Job`] with what it needs, a file here, and a line in [`run`]. It may run twice: the
//! program may end between the work and writing down that it is done.

mod clean_up;
mod email_verification;
mod link_mail;
mod listen;
mod notice;
mod notification;
mod password_recovery;
pub mod schedule;
pub mod worker;

use std::sync::Arc;

use uuid::Uuid;

use crate::core::config::JobSettings;
use crate::error::Error;
use crate::mail::{MailError, Mailer};
use crate::schemas::job::Job;
use crate::services::accounts::Accounts;

/// What jobs need. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The database, the time, and what services of accounts need.
    pub accounts: Arc<Accounts>,
    /// Sends mails.
    pub mailer: Mailer,
    /// How jobs are run.
    pub settings: JobSettings,
}

/// Why an attempt failed.
#[derive(Debug)]
pub struct Failure {
    /// For the log and the operator.
    pub error: String,
    /// Whether another attempt would fail, too.
    pub is_permanent: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error: error.cause().map_or_else(|| error.to_string(), str::to_owned), is_permanent: false }
    }
}

impl From<MailError> for Failure {
    fn from(error: MailError) -> Self {
        Self { error: error.to_string(), is_permanent: error.is_permanent }
    }
}

/// Does what the job says. `id` is the same for every attempt.
async fn run(context: &Context, id: Uuid, job: Job) -> Result<(), Failure> {
    match job {
        Job::CleanUp => clean_up::run(context).await,
        Job::EmailVerification(data) => email_verification::run(context, &data).await,
        Job::LinkMail(data) => link_mail::run(context, id, data).await,
        Job::Notice(data) => notice::run(context, id, &data).await,
        Job::Notification(data) => notification::run(context, id, &data).await,
        Job::PasswordRecovery(data) => password_recovery::run(context, &data).await,
    }
}
