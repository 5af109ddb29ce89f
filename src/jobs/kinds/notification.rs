//! Mails what a user wrote.

use minijinja::context;
use uuid::Uuid;

use serde::{Deserialize, Serialize};

use super::{Context, Failure};
use crate::mail::{Mail, Template};
use crate::schemas::text::Email;

/// What a user wrote, and to whom.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Notification {
    pub to: Email,
    pub message: String,
}

pub(super) async fn run(context: &Context, id: Uuid, data: &Notification) -> Result<(), Failure> {
    let values = context! { message => &data.message };
    Ok(context.mailer.send(Mail { id, to: data.to.as_str(), template: Template::Notification, values }).await?)
}
