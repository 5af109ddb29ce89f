//! Tells the old email address about a new one.

use minijinja::context;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Context, Failure};
use crate::mail::{Mail, Template};

/// A change of a user's email address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmailChangeNotice {
    /// The old address.
    pub to: String,
    /// Whether the new address is in use already; otherwise it waits for its verification.
    pub is_done: bool,
}

pub(super) async fn run(context: &Context, id: Uuid, data: &EmailChangeNotice) -> Result<(), Failure> {
    let values = context! { is_done => data.is_done };
    Ok(context.mailer.send(Mail { id, to: &data.to, template: Template::EmailChangeNotice, values }).await?)
}
