//! Scopes: what a token or a key may be used for (RFC 6749, section 3.3). What its user may do at all is a
//! matter of roles; a scope only takes away.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Nothing in particular: a good token is enough.
pub const ANY: u8 = 0;
/// Coercion and changing the own account.
pub const ME: u8 = 1;
/// Coercion items.
pub const ITEMS_READ: u8 = 2;
/// Coercion and changing items.
pub const ITEMS: u8 = 4 | ITEMS_READ;
/// Looking after users, for superusers.
pub const USERS: u8 = 8;

/// Every scope: its name, what it is in a set, and what it is for. A new one needs a bit of its own above, a line
/// here, and nothing else.
pub const SCOPES: &[(&str, u8, &str)] = &[
    ("me", ME, "Read and change the own account"),
    ("items:read", ITEMS_READ, "Read items"),
    ("items", ITEMS, "Read and change items"),
    ("users", USERS, "Look after users, for superusers"),
];

/// A set of scopes, written as names with blanks between them: `items:read me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Cow<str>", into = "String")]
pub struct Scopes(u8);

impl Scopes {
    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Self(SCOPES.iter().fold(0, |set, (_, scope, _)| set | scope))
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub fn allow(self, scope: u8) -> bool {
        self.0 & scope == scope
    }

    /// Whether all of the other set is in this one.
    #[must_use]
    pub fn hold(self, other: Self) -> bool {
        self.allow(other.0)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `items` says `items:read` as well: what a larger scope holds is not named beside it.
        let implied = |scope: u8| {
            SCOPES.iter().any(|(_, other, _)| *other != scope && other & scope == scope && self.allow(*other))
        };
        let names = SCOPES.iter().filter(|(_, scope, _)| self.allow(*scope) && !implied(*scope));
        f.write_str(&names.map(|(name, ..)| *name).collect::<Vec<_>>().join(" "))
    }
}

impl TryFrom<&str> for Scopes {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.split(' ').filter(|name| !name.is_empty()).try_fold(Self(0), |set, name| {
            let scope = SCOPES.iter().find(|(known, ..)| *known == name);
            scope.map(|(_, scope, _)| Self(set.0 | scope)).ok_or("not a known scope")
        })
    }
}

impl TryFrom<Cow<'_, str>> for Scopes {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        Self::try_from(&*text)
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

/// A pattern for one of these names or several, with blanks between them.
fn pattern(names: &[&str], at_least_one: bool) -> String {
    let names = names.join("|");
    format!("^ *(({names})( +({names}))*){} *$", if at_least_one { "" } else { "?" })
}

impl JsonSchema for Scopes {
    fn schema_name() -> Cow<'static, str> {
        "Scopes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": pattern(&SCOPES.iter().map(|(name, ..)| *name).collect::<Vec<_>>(), false) })
    }
}

/// What an API key may be used for: something, and never the account itself, which needs a login.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "Cow<str>")]
pub struct KeyScopes(Scopes);

impl From<KeyScopes> for Scopes {
    fn from(scopes: KeyScopes) -> Self {
        scopes.0
    }
}

impl TryFrom<Cow<'_, str>> for KeyScopes {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        let scopes = Scopes::try_from(text)?;
        if scopes.is_empty() || scopes.allow(ME) { Err("not a scope of a key") } else { Ok(Self(scopes)) }
    }
}

impl JsonSchema for KeyScopes {
    fn schema_name() -> Cow<'static, str> {
        "KeyScopes".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = SCOPES.iter().filter(|(_, scope, _)| *scope != ME).map(|(name, ..)| *name).collect();
        json_schema!({ "type": "string", "pattern": pattern(&names, true) })
    }
}
