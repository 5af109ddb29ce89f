//! A resource together with its version.

use serde::{Deserialize, Serialize};

/// A resource that supports `ETag` and `If-Match`, and its version.
#[derive(Debug, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The body of the response.
    pub data: T,
    /// Counts the changes: the `ETag`.
    pub version: i64,
}
