//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::core::clock::Clock;
use crate::core::config::Settings;
use crate::core::database::Db;
use crate::core::readiness::Readiness;
use crate::core::security::{Passwords, Tokens};

/// Everything that handlers share; each takes only the part it needs: `State<Db>`. Cheap to clone.
/// A test builds its own, which is how dependencies are replaced.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The pool of connections.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Issues and checks access tokens.
    pub tokens: Tokens,
    /// Whether the process wants new requests.
    pub readiness: Readiness,
}

impl AppState {
    /// The state of a process: what the settings say, on the given database and clock.
    #[must_use]
    pub fn new(settings: Settings, db: Db, clock: Clock) -> Self {
        Self {
            passwords: Passwords::new(settings.auth.hash_concurrency),
            tokens: Tokens::new(&settings.auth),
            settings: Arc::new(settings),
            db,
            clock,
            readiness: Readiness::default(),
        }
    }
}
