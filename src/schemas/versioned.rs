//! Resources with a version.

use serde::{Deserialize, Serialize};

/// A resource that can be changed under `If-Match`, with its version.
#[derive(Debug, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// The body of the response.
    pub data: T,
    /// Counts the changes; sent as `ETag`.
    pub version: i64,
}
