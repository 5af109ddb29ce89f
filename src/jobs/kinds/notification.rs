//! Mails a user's message.

use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Context, Failure};
use crate::mail::{Mail, Template};
use crate::schemas::text::Email;

/// A user's message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The recipient.
    pub to: Email,
    /// The text.
    pub message: String,
}

pub(super) async fn run(context: &Context, id: Uuid, data: &Notification) -> Result<(), Failure> {
    let values = context! { message => &data.message };
    Ok(context.mailer.send(Mail { id, to: data.to.as_str(), template: Template::Notification, values }).await?)
}
