//! The state that handlers share.

use std::sync::Arc;

use axum::extract::FromRef;

use crate::core::clock::Clock;
use crate::core::config::Settings;
use crate::core::database::Db;
use crate::rate_limit::Limiter;
use crate::realtime::Hub;
use crate::server::Readiness;
use crate::services::account::AccountContext;
use crate::upstream::Upstream;

/// The state that handlers share. A handler takes the part that it needs: `State<Db>`. A test replaces a field, as with
/// FastAPI's `dependency_overrides`.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// The settings.
    pub settings: Arc<Settings>,
    /// The connection pool.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// The dependencies of the account services: passwords, tokens, cached principals.
    pub accounts: Arc<AccountContext>,
    // only with external
    /// The client of the upstream service.
    pub upstream: Upstream,
    /// Rate limits.
    pub limiter: Arc<Limiter>,
    // only with realtime
    /// WebSocket and event subscribers.
    pub hub: Hub,
    /// Whether the process should get requests.
    pub readiness: Readiness,
}

impl AppState {
    /// The state of a process, from its settings.
    ///
    /// # Errors
    /// When a setting is not a usable key, cost or address. The message names the setting.
    pub fn new(settings: Settings, db: Db, clock: Clock) -> Result<Self, String> {
        Ok(Self {
            accounts: AccountContext::new(&settings, db.clone(), clock.clone())?.into(),
            upstream: Upstream::new(&settings.upstream)?, // only with external
            limiter: Limiter::new(&settings, clock.clone())?.into(),
            hub: Hub::new(&settings)?, // only with realtime
            readiness: Readiness::default(),
            settings: Arc::new(settings),
            db,
            clock,
        })
    }
}
