//! Tells the old address that there is a new one.

use minijinja::context;
use uuid::Uuid;

use serde::{Deserialize, Serialize};

use super::{Context, Failure};
use crate::mail::{Mail, Template};

/// What the old address is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The old address.
    pub to: String,
    /// Whether the new address is already in use.
    pub is_done: bool,
}

pub(super) async fn run(context: &Context, id: Uuid, data: &Notice) -> Result<(), Failure> {
    let values = context! { is_done => data.is_done };
    Ok(context.mailer.send(Mail { id, to: &data.to, template: Template::Notice, values }).await?)
}
