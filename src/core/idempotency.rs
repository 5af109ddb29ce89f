//! Requests that may be sent again (draft-ietf-httpapi-idempotency-key-header).

/// What a request under an `Idempotency-Key` is known by.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// Of the key that the client chose: it may be long.
    pub key_hash: String,
    /// Of method, path and body.
    pub fingerprint: String,
}
