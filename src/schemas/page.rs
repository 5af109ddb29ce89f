//! Paginated lists.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Datelike, Utc};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use validator::{Validate, ValidationError};

use crate::validation::schema::documented_parameters;

/// Which part of a list: `?skip=0&limit=100`, or `?cursor=…&limit=100`.
#[derive(Debug, Clone, Deserialize, Validate, JsonSchema)]
#[validate(schema(function = "skip_or_cursor"))]
pub struct Paging {
    /// How many entries to skip. Skipping many is slow. Cannot be combined with `cursor`.
    #[serde(default)]
    #[validate(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub skip: i64,
    /// How many entries to return at most.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100))]
    pub limit: i64,
    /// The `next_cursor` of a page: continues after that page, equally fast at any depth. Filters and order have to be
    /// the same as for that page.
    pub cursor: Option<Cursor>,
}

/// The largest page, and the default.
pub(super) fn default_limit() -> i64 {
    100
}

fn skip_or_cursor(paging: &Paging) -> Result<(), ValidationError> {
    if paging.cursor.is_some() && paging.skip > 0 {
        return Err(ValidationError::new("skip_or_cursor").with_message("Use either skip or cursor".into()));
    }
    Ok(())
}

documented_parameters!(Query: Paging);

/// One part of a list.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// How many entries there are in all. Absent from a page that was requested by `cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "u64")]
    pub count: Option<u64>,
    /// Continues the list when sent as `cursor`. Absent from the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Cursor")]
    pub next_cursor: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page with other entries.
    pub fn map<U>(self, entry: impl FnMut(T) -> U) -> Page<U> {
        let Self { data, count, next_cursor } = self;
        Page { data: data.into_iter().map(entry).collect(), count, next_cursor }
    }
}

/// The position of an entry in a list: the key that the list is sorted by, and the entry's id. Opaque to clients, but
/// neither secret nor signed: it says where to continue, never what the caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline, description = "", extend("format" = "cursor"))]
pub struct Cursor(String);

impl Cursor {
    /// The position of the entry `id` with this `key`, in a list sorted by `order`.
    ///
    /// # Errors
    /// When the key cannot be written as JSON.
    pub fn new(order: &str, key: &impl SortKey, id: Uuid) -> serde_json::Result<Self> {
        serde_json::to_vec(&(order, key, id)).map(|position| Self(URL_SAFE_NO_PAD.encode(position)))
    }

    /// Key and id; `None` when it is not a cursor of a list sorted by `order`.
    #[must_use]
    pub fn position<K: SortKey>(&self, order: &str) -> Option<(K, Uuid)> {
        let decoded = URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        let (cursor_order, key, id) = serde_json::from_slice::<(String, K, Uuid)>(&decoded).ok()?;
        (cursor_order == order && key.is_storable()).then_some((key, id))
    }
}

/// A type that lists can be sorted by.
pub trait SortKey: Serialize + DeserializeOwned {
    /// Whether both databases take it as a parameter. A client can write any value into a cursor.
    fn is_storable(&self) -> bool;
}

impl SortKey for DateTime<Utc> {
    fn is_storable(&self) -> bool {
        (0..=9999).contains(&self.year())
    }
}

impl SortKey for String {
    fn is_storable(&self) -> bool {
        !self.contains('\0')
    }
}

impl SortKey for i64 {
    fn is_storable(&self) -> bool {
        true
    }
}
