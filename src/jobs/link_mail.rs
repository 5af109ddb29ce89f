//! Mails a link that was issued.

use minijinja::context;
use uuid::Uuid;

use super::{Context, Failure};
use crate::mail::{Mail, Template};
use crate::schemas::job::{LinkMail, LinkTemplate};
use crate::services::mailed;

pub(super) async fn run(context: &Context, id: Uuid, data: LinkMail) -> Result<(), Failure> {
    // Used, past or replaced by now: nobody needs it.
    let Some(link) = mailed::open(&context.accounts, data).await? else { return Ok(()) };
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
