//! What a client reads together with the version it is in.

use serde::{Deserialize, Serialize};

/// Something that is changed under `If-Match`, and the version it is in.
#[derive(Debug, Serialize, Deserialize)]
pub struct Versioned<T> {
    /// What the body of the answer says.
    pub data: T,
    /// Counts the changes: the `ETag`.
    pub version: i64,
}
