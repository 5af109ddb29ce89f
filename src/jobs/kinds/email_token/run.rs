//! Makes the token and mails the link.

use minijinja::{Value, context};
use uuid::Uuid;

use super::{EmailToken, Link};
use crate::core::config::MailSettings;
use crate::jobs::{Context, Failure};
use crate::mail::{Mail, Mailer, Template};
use crate::services::account::email_token::{self, IssuedLink};

pub async fn run(context: &Context, id: Uuid, data: &EmailToken) -> Result<(), Failure> {
    let Some(issued) = email_token::issue(&context.accounts, data).await? else { return Ok(()) };
    Ok(context.mailer.send(mail(&context.mailer, id, data.link, &issued)).await?)
}

// only with fastapi_dashboard
/// The subject and the HTML of the mail with this link, for a caller that does not send it.
///
/// # Errors
/// When the settings of mails are invalid.
pub fn preview(settings: &MailSettings, link: Link, issued: &IssuedLink) -> Result<(&'static str, String), String> {
    let mailer = Mailer::new(settings)?;
    let mail = mail(&mailer, Uuid::nil(), link, issued);
    let html = mailer.html(&mail).map_err(|error| error.to_string())?;
    Ok((mail.template.subject(), html))
}

fn mail<'a>(mailer: &Mailer, id: Uuid, link: Link, issued: &'a IssuedLink) -> Mail<'a> {
    let (template, page) = template_and_page(link);
    let values = context! {
        // Made of a setting and base64url alone: written as it is, where HTML would escape each slash.
        link => Value::from_safe_string(mailer.link(page, &issued.token)),
        minutes => issued.valid_seconds / 60,
        hours => issued.valid_seconds / 3600,
    };
    Mail { id, to: &issued.email, template, values }
}

/// The template of the mail, and the page of the frontend that the link opens.
fn template_and_page(link: Link) -> (Template, &'static str) {
    match link {
        Link::EmailVerification => (Template::EmailVerification, "verify-email"),
        Link::NewAccount => (Template::NewAccount, "reset-password"),
        Link::PasswordRecovery => (Template::PasswordRecovery, "reset-password"),
    }
}
