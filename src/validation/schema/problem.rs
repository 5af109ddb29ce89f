//! One problem of an input, in pydantic's words. It never contains the rejected value.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A step of the path to a value: a member's name or an index in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Loc {
    /// A member's name, or the part of the request: `body`, `query`, `path`, `header`.
    Name(String),
    /// An index in a list, or an offset in the text of a malformed body.
    Index(usize),
}

impl From<&str> for Loc {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// One problem of an input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ValidationError")]
pub struct Problem {
    /// Where: `["body", "address", "street"]`.
    pub loc: Vec<Loc>,
    /// What is wrong, for people.
    pub msg: String,
    /// What is wrong, for programs, as pydantic names it: `string_too_short`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The rule that was broken, if it has parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctx: Option<Map<String, Value>>,
}

impl Problem {
    /// A problem without `ctx`.
    pub fn new(loc: Vec<Loc>, kind: &str, msg: impl Into<String>) -> Self {
        Self { loc, msg: msg.into(), kind: kind.to_owned(), ctx: None }
    }

    /// A broken rule that no schema can state, such as one over two members.
    #[must_use]
    pub fn value_error(loc: Vec<Loc>, reason: &str) -> Self {
        Self::new(loc, "value_error", format!("Value error, {reason}")).with("error", json!({}))
    }

    /// A text of fewer characters than it must have.
    #[must_use]
    pub fn too_short(loc: Vec<Loc>, min: impl Into<Value>) -> Self {
        let min = min.into();
        let plural = if min == 1 { "" } else { "s" };
        Self::new(loc, "string_too_short", format!("String should have at least {min} character{plural}"))
            .with("min_length", min)
    }

    /// A number over the maximum.
    #[must_use]
    pub fn too_large(loc: Vec<Loc>, most: impl Into<Value>) -> Self {
        let most = most.into();
        Self::new(loc, "less_than_equal", format!("Input should be less than or equal to {most}")).with("le", most)
    }

    /// Adds a member to `ctx`.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.ctx.get_or_insert_default().insert(name.to_owned(), value);
        self
    }

    /// The path as text: `address.street`.
    #[must_use]
    pub fn dotted(&self) -> String {
        let steps = self.loc.iter().map(|step| match step {
            Loc::Name(name) => name.clone(),
            Loc::Index(index) => index.to_string(),
        });
        steps.collect::<Vec<_>>().join(".")
    }
}
