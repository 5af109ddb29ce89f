//! Lists in pages.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::validation::schema::documented_parameters;

/// Which part of a list: `?skip=0&limit=100`.
#[derive(Debug, Clone, Deserialize, Validate, JsonSchema)]
pub struct Paging {
    /// How many entries to pass over.
    #[serde(default)]
    #[validate(range(min = 0, max = 9_007_199_254_740_991_i64))]
    pub skip: i64,
    /// How many entries to answer at most.
    #[serde(default = "default_limit")]
    #[validate(range(min = 1, max = 100))]
    pub limit: i64,
}

/// The most that one answer holds, and what it holds when nobody says.
pub(super) fn default_limit() -> i64 {
    100
}

documented_parameters!(Query: Paging);

/// One part of a list, and how long the whole list is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "{T}Page")]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// How many entries there are in all.
    pub count: u64,
}
