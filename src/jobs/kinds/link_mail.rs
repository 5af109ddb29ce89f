//! Mails a link that was issued.

use minijinja::context;
use uuid::Uuid;

use serde::{Deserialize, Serialize};

use super::{Context, Failure};
use crate::mail::{Mail, Template};
use crate::services::account::email_token;

/// A link to mail: by the row that stands for it.
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

pub(super) async fn run(context: &Context, id: Uuid, data: LinkMail) -> Result<(), Failure> {
    // Used, past or replaced by now: nobody needs it.
    let Some(link) = email_token::open(&context.accounts, data).await? else { return Ok(()) };
    let (template, page) = match data.template {
        LinkTemplate::EmailVerification => (Template::EmailVerification, "verify-email"),
        LinkTemplate::NewAccount => (Template::NewAccount, "reset-password"),
        LinkTemplate::PasswordRecovery => (Template::PasswordRecovery, "reset-password"),
    };
    let values = context! {
        link => context.mailer.link(page, &link.token),
        minutes => link.seconds / 60,
        hours => link.seconds / 3600,
    };
    Ok(context.mailer.send(Mail { id, to: &link.email, template, values }).await?)
}
