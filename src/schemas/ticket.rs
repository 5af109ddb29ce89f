//! Tickets on the wire.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::schema::documented;

/// What opens one socket, for a browser that can send no headers with it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TicketRead {
    /// The ticket, good once: `/ws?ticket=…`.
    pub ticket: String,
    /// For how many seconds it is good.
    pub expires_in: u32,
}

documented!(TicketRead);
