//! WebSocket tickets: responses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::validation::schema::documented;

/// A ticket that opens one WebSocket, for browsers, which cannot send headers with it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct TicketRead {
    /// The ticket, valid once: `/ws?ticket=…`.
    pub ticket: String,
    /// Seconds until the ticket expires.
    pub expires_in: u32,
}

documented!(TicketRead);
