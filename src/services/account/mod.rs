//! Accounts: users, sessions, API keys, mailed tokens, and what is recorded about them.

pub mod api_key;
pub mod audit_event;
pub mod email_token;
pub mod login;
pub mod principal;
pub mod reauthentication;
pub mod recovery;
pub mod session;
pub mod ticket;
pub mod user;
pub mod verification;

use chrono::{DateTime, Utc};

use principal::PrincipalCache;
use tokio_util::task::TaskTracker;

use crate::core::clock::Clock;
use crate::core::config::{AuthSettings, Settings};
use crate::core::database::Db;
use crate::core::security::{Passwords, Tokens};
use crate::jobs::signal::JobSignal;

/// Everything that logging in, sessions, passwords and users need. Cheap to clone.
#[derive(Clone)]
pub struct AccountContext {
    /// The connection pool.
    pub db: Db,
    /// The clock.
    pub clock: Clock,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Issues and checks access tokens.
    pub tokens: Tokens,
    /// Principals that were authenticated within the last second.
    pub principals: PrincipalCache,
    /// Tasks that run after the response.
    pub tasks: TaskTracker,
    /// Wakes the workers of this process for a new job.
    pub job_signal: JobSignal,
}

impl AccountContext {
    /// Created from the settings, with the given database and clock.
    ///
    /// # Errors
    /// For an invalid key or cost. The message names the setting.
    pub fn new(settings: &Settings, db: Db, clock: Clock) -> Result<Self, String> {
        Ok(Self {
            db,
            clock,
            passwords: Passwords::new(&settings.auth)?,
            tokens: Tokens::new(&settings.auth)?,
            principals: PrincipalCache::new(settings.auth.session_cache_ms),
            tasks: TaskTracker::new(),
            job_signal: JobSignal::default(),
        })
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The settings of authentication.
    #[must_use]
    pub fn settings(&self) -> &AuthSettings {
        self.tokens.settings()
    }
}
