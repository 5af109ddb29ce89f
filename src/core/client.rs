//! The client of a request.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The client's address and user agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// The client's address. `None` without a connection, as in tests.
    pub address: Option<IpAddr>,
    /// The `User-Agent` header, cut to [`USER_AGENT_LENGTH`] characters.
    pub user_agent: Option<String>,
}

/// Characters of a user agent that are stored.
pub const USER_AGENT_LENGTH: usize = 255;
