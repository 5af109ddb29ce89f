//! Scopes: what a token or an API key may be used for (RFC 6749, section 3.3). A user's role decides what they
//! may do; a scope only restricts that.

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No scope: any valid token is enough.
pub const ANY: u32 = 0;
/// Read and change the user's own account.
pub const ME: u32 = 1;
/// Read items.
pub const ITEMS_READ: u32 = 1 << 1;
/// Read and change items.
pub const ITEMS: u32 = 1 << 2 | ITEMS_READ;
/// Manage users, for superusers.
pub const USERS: u32 = 1 << 3;
// only with external
/// Call the upstream service.
pub const EXTERNAL: u32 = 1 << 4;

/// Every scope: its name, its bits, and its description in the document. A new scope needs a bit of its own above and
/// a line here.
pub const SCOPES: &[(&str, u32, &str)] = &[
    ("me", ME, "Read and change the user's own account"),
    ("items:read", ITEMS_READ, "Read items"),
    ("items", ITEMS, "Read and change items"),
    ("users", USERS, "Manage users, for superusers"),
    ("external", EXTERNAL, "Call the upstream service"), // only with external
];

/// A set of scopes. Its text form is names separated by spaces: `me users`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Cow<str>", into = "String")]
#[schemars(inline, description = "", with = "String", extend("pattern" = pattern(ANY, false)))]
pub struct Scopes(u32);

impl Scopes {
    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Self(SCOPES.iter().fold(ANY, |set, (_, bits, _)| set | bits))
    }

    /// The scopes of a stored text. Names that this version does not know are left out: another version may have
    /// stored them, or their resource was removed.
    #[must_use]
    pub fn known(text: &str) -> Self {
        Self(names(text).filter_map(bits).fold(ANY, |set, bits| set | bits))
    }

    /// Whether the set contains `scope`.
    #[must_use]
    pub fn allow(self, scope: u32) -> bool {
        self.0 & scope == scope
    }

    /// Whether the set contains all of the other set.
    #[must_use]
    pub fn contain(self, other: Self) -> bool {
        self.allow(other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == ANY
    }
}

/// The names in a text.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|name| !name.is_empty())
}

/// The bits of the scope with this name.
fn bits(name: &str) -> Option<u32> {
    SCOPES.iter().find(|(known, ..)| *known == name).map(|(_, bits, _)| *bits)
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A scope that another one includes is not named beside it.
        let is_implied = |scope: u32| {
            SCOPES.iter().any(|(_, other, _)| *other != scope && other & scope == scope && self.allow(*other))
        };
        let names = SCOPES.iter().filter(|(_, scope, _)| self.allow(*scope) && !is_implied(*scope));
        f.write_str(&names.map(|(name, ..)| *name).collect::<Vec<_>>().join(" "))
    }
}

impl TryFrom<Cow<'_, str>> for Scopes {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        let set = names(&text).try_fold(ANY, |set, name| Some(set | bits(name)?));
        set.map(Self).ok_or("not a known scope")
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

/// A pattern for any number of scopes, separated by spaces. It excludes the scope `without`; `ANY` excludes none.
fn pattern(without: u32, at_least_one: bool) -> String {
    let names: Vec<&str> = SCOPES.iter().filter(|(_, scope, _)| *scope != without).map(|(name, ..)| *name).collect();
    let names = names.join("|");
    format!("^ *(({names})( +({names}))*){} *$", if at_least_one { "" } else { "?" })
}

// only with api_keys
/// The scopes of an API key: at least one, and never `me`, because the account itself needs a login.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(try_from = "Cow<str>")]
#[schemars(inline, description = "", with = "String", extend("pattern" = pattern(ME, true)))]
pub struct KeyScopes(Scopes);

// only with api_keys
impl From<KeyScopes> for Scopes {
    fn from(scopes: KeyScopes) -> Self {
        scopes.0
    }
}

// only with api_keys
impl TryFrom<Cow<'_, str>> for KeyScopes {
    type Error = &'static str;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        let scopes = Scopes::try_from(text)?;
        if scopes.is_empty() || scopes.allow(ME) { Err("not a scope of an API key") } else { Ok(Self(scopes)) }
    }
}
