//! Mails what a user wrote.

use minijinja::context;
use uuid::Uuid;

use super::{Context, Failure};
use crate::mail::{Mail, Template};
use crate::schemas::job::Notification;

pub(super) async fn run(context: &Context, id: Uuid, data: &Notification) -> Result<(), Failure> {
    let values = context! { message => &data.message };
    Ok(context.mailer.send(Mail { id, to: data.to.as_str(), template: Template::Notification, values }).await?)
}
