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
    /// The pool of connections.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Issues and checks access tokens.
    pub tokens: Tokens,
    /// Who was found behind a token or key just now.
    pub principals: PrincipalCache,
    /// What is done after the answer.
    pub tasks: TaskTracker,
    /// Wakes the workers of this process when there is a job.
    pub job_signal: JobSignal,
}

impl AccountContext {
    /// What the settings say, on the given database and clock.
    ///
    /// # Errors
    /// For a setting that is no key, cost or address; names it.
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

    /// Life spans and rules.
    #[must_use]
    pub fn settings(&self) -> &AuthSettings {
        self.tokens.settings()
    }
}
