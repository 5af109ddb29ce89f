//! Makes the token and mails the link.

use minijinja::{Value, context};
use uuid::Uuid;

use super::{EmailToken, Link};
use crate::jobs::{Context, Failure};
use crate::mail::{Mail, Template};
use crate::services::account::email_token;

pub async fn run(context: &Context, id: Uuid, data: &EmailToken) -> Result<(), Failure> {
    let Some(issued) = email_token::issue(&context.accounts, data).await? else { return Ok(()) };
    let (template, page) = template_and_page(data.link);
    let values = context! {
        // Made of a setting and base64url alone: written as it is, where HTML would escape each slash.
        link => Value::from_safe_string(context.mailer.link(page, &issued.token)),
        minutes => issued.valid_seconds / 60,
        hours => issued.valid_seconds / 3600,
    };
    Ok(context.mailer.send(Mail { id, to: &issued.email, template, values }).await?)
}

/// The template of the mail, and the page of the frontend that the link opens.
fn template_and_page(link: Link) -> (Template, &'static str) {
    match link {
        Link::EmailVerification => (Template::EmailVerification, "verify-email"),
        Link::NewAccount => (Template::NewAccount, "reset-password"),
        Link::PasswordRecovery => (Template::PasswordRecovery, "reset-password"),
    }
}
