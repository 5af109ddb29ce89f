//! What is said when a connection for messages is opened.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use validator::Validate;

use super::text;
use crate::validation::schema::documented_parameters;

static ROOM: LazyLock<Regex> = LazyLock::new(|| text::pattern("^[a-zA-Z0-9_-]*$"));

/// A room, by its name: 1 to 64 of `[a-zA-Z0-9_-]`. It is there while somebody is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Room(String);

impl Room {
    const MIN: usize = 1;
    const MAX: usize = 64;

    /// The room's name.
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

impl JsonSchema for Room {
    fn schema_name() -> Cow<'static, str> {
        "Room".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": Self::MIN, "maxLength": Self::MAX, "pattern": ROOM.as_str() })
    }
}

/// How a socket is opened.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct SocketQuery {
    /// A ticket, in place of an access token in the header. An access token is no ticket.
    pub ticket: Option<String>,
    /// The room to enter.
    #[serde(default)]
    pub room: Room,
}

/// Which events are wanted.
#[derive(Debug, Deserialize, Validate, JsonSchema)]
pub struct EventsQuery {
    /// The room to listen to.
    #[serde(default)]
    pub room: Room,
}

documented_parameters!(Query: SocketQuery, EventsQuery);
