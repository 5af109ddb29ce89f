//! Mails a link that was requested. Services queue the job that is defined here; `run` calls a service in turn.

mod run;

pub use run::preview; // only with fastapi_dashboard
pub(super) use run::run;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::core::client::Client;

/// The link to mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmailToken {
    /// The row in `email_tokens`. When it is deleted before the job runs, nothing is mailed.
    pub id: Uuid,
    /// What the mail is about.
    pub link: Link,
    /// The client that requested the link.
    pub client: Client,
}

/// What a mail with a link is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// Verify the email address.
    EmailVerification,
    /// A superuser has created the account: set its first password.
    NewAccount,
    /// Set a new password.
    PasswordRecovery,
}
