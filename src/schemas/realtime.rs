//! The parameters of `/ws` and `/events`.

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::text;
use crate::validation::schema::documented_parameters;

static ROOM: LazyLock<Regex> = LazyLock::new(|| text::pattern("^[a-zA-Z0-9_-]*$"));

/// The name of a room: 1 to 64 of `[a-zA-Z0-9_-]`. A room exists while clients are connected to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(inline, description = "", extend("minLength" = Self::MIN, "maxLength" = Self::MAX, "pattern" = ROOM.as_str()))]
pub struct Room(String);

impl Room {
    const MIN: usize = 1;
    const MAX: usize = 64;

    /// The name.
    #[must_use]
    pub fn into_inner(self) -> String {
        self.0
    }
}

impl Default for Room {
    fn default() -> Self {
        Self("lobby".to_owned())
    }
}

impl TryFrom<String> for Room {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if (Self::MIN..=Self::MAX).contains(&text.len()) && ROOM.is_match(&text) {
            Ok(Self(text))
        } else {
            Err("not a valid room")
        }
    }
}

/// The parameters of a WebSocket.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct SocketQuery {
    /// A ticket, instead of an access token in the header. An access token is not accepted here.
    pub ticket: Option<String>,
    /// The room to join.
    #[serde(default)]
    pub room: Room,
}

/// The parameters of the events.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct EventsQuery {
    /// The room to listen to.
    #[serde(default)]
    pub room: Room,
}

documented_parameters!(Query: SocketQuery, EventsQuery);
