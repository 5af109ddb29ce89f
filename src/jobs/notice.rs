//! Tells the old address that there is a new one.

use minijinja::context;
use uuid::Uuid;

use super::{Context, Failure};
use crate::mail::{Mail, Template};
use crate::schemas::job::Notice;

pub(super) async fn run(context: &Context, id: Uuid, data: &Notice) -> Result<(), Failure> {
    let values = context! { is_done => data.is_done };
    Ok(context.mailer.send(Mail { id, to: &data.to, template: Template::Notice, values }).await?)
}
