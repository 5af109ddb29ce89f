//! What handlers share.

use std::ops::Deref;
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

/// Everything that handlers share; each takes only the part it needs: `State<Db>`. One pointer, because every request
/// clones it twice, and counters that all threads count on are dear.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

/// What is behind the pointer. A test changes a part, which is how dependencies are replaced:
/// `AppState::from(Parts { upstream, ..(*state).clone() })`.
#[derive(Clone)]
pub struct Parts {
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
        Ok(Self::from(Parts {
            limiter: Limiter::new(&settings, clock.clone())?.into(),
            accounts: Accounts::new(&settings, db.clone(), clock)?.into(),
            upstream: Upstream::new(&settings.upstream)?,
            hub: Hub::new(&settings)?,
            settings: Arc::new(settings),
            db,
            readiness: Readiness::default(),
            pulse: Pulse::default(),
        }))
    }
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

// What a handler may take by itself, as `State<…>`.

impl FromRef<AppState> for Arc<Settings> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.settings)
    }
}

impl FromRef<AppState> for Db {
    fn from_ref(state: &AppState) -> Self {
        state.db.clone()
    }
}

impl FromRef<AppState> for Arc<Accounts> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.accounts)
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

impl FromRef<AppState> for Upstream {
    fn from_ref(state: &AppState) -> Self {
        state.upstream.clone()
    }
}

impl FromRef<AppState> for Arc<Limiter> {
    fn from_ref(state: &AppState) -> Self {
        Self::clone(&state.limiter)
    }
}

impl FromRef<AppState> for Hub {
    fn from_ref(state: &AppState) -> Self {
        state.hub.clone()
    }
}

impl FromRef<AppState> for Readiness {
    fn from_ref(state: &AppState) -> Self {
        state.readiness.clone()
    }
}
