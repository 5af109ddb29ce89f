//! Mails a link that was requested.

use minijinja::{Value, context};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Context, Failure};
use crate::core::client::Client;
use crate::mail::{Mail, Template};
use crate::services::account::email_token;

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

impl Link {
    /// The template of the mail, and the page of the frontend that the link opens.
    fn template_and_page(self) -> (Template, &'static str) {
        match self {
            Self::EmailVerification => (Template::EmailVerification, "verify-email"),
            Self::NewAccount => (Template::NewAccount, "reset-password"),
            Self::PasswordRecovery => (Template::PasswordRecovery, "reset-password"),
        }
    }
}

pub(super) async fn run(context: &Context, id: Uuid, data: &EmailToken) -> Result<(), Failure> {
    let Some(issued) = email_token::issue(&context.accounts, data).await? else { return Ok(()) };
    let (template, page) = data.link.template_and_page();
    let values = context! {
        // Safe, because it consists of a setting and base64url. Escaping would replace each slash.
        link => Value::from_safe_string(context.mailer.link(page, &issued.token)),
        minutes => issued.valid_seconds / 60,
        hours => issued.valid_seconds / 3600,
    };
    Ok(context.mailer.send(Mail { id, to: &issued.email, template, values }).await?)
}
