//! What handlers share.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::core::clock::Clock;
use crate::core::config::Settings;
use crate::core::database::Db;
use crate::core::pulse::Pulse;
use crate::core::rate_limit::Limiter;
use crate::core::readiness::Readiness;
use crate::core::security::Tokens;
use crate::realtime::Hub;
use crate::services::accounts::Accounts;
use crate::upstream::Upstream;

/// Everything that handlers share; each takes only the part it needs: `State<Db>`. Cheap to clone, which every request does.
/// A test builds its own, which is how dependencies are replaced.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The pool of connections.
    pub db: Db,
    /// What logging in, sessions, passwords and users need.
    pub accounts: Arc<Accounts>,
    /// Calls the other service.
    pub upstream: Upstream,
    /// Counts tries.
    pub limiter: Arc<Limiter>,
    /// Who is connected for messages.
    pub hub: Hub,
    /// Whether the process wants new requests.
    pub readiness: Readiness,
    /// Whether the database says anything at all.
    pub pulse: Pulse,
}

impl AppState {
    /// The state of a process: what the settings say, on the given database and clock.
    ///
    /// # Errors
    /// For a setting that is no key, cost or address; names it.
    pub fn new(settings: Settings, db: Db, clock: Clock) -> Result<Self, String> {
        Ok(Self {
            limiter: Limiter::new(&settings, clock.clone())?.into(),
            accounts: Accounts::new(&settings, db.clone(), clock)?.into(),
            upstream: Upstream::new(&settings.upstream)?,
            hub: Hub::new(&settings)?,
            settings: Arc::new(settings),
            db,
            readiness: Readiness::default(),
            pulse: Pulse::default(),
        })
    }
}

impl FromRef<AppState> for Clock {
    fn from_ref(state: &AppState) -> Self {
        state.accounts.clock.clone()
    }
}

impl FromRef<AppState> for Tokens {
    fn from_ref(state: &AppState) -> Self {
        state.accounts.tokens.clone()
    }
}
