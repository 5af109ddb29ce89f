//! Accounts: users, sessions, API keys, mailed tokens, audit events.

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
use crate::core::config::{AuditSettings, AuthSettings, Settings};
use crate::core::database::Db;
use crate::core::security::{Passwords, Tokens};
use crate::jobs::signal::JobSignal;

/// The dependencies of the services for accounts. Cheap to clone.
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
    /// Caches the users of tokens and keys.
    pub principals: PrincipalCache,
    /// Runs work that requests do not wait for.
    pub tasks: TaskTracker,
    // only with jobs
    /// Wakes the worker of this process after a job was queued.
    pub job_signal: JobSignal,
    /// How long audit events are kept.
    pub audit: AuditSettings,
}

impl AccountContext {
    /// Creates the context from the settings, with this database and clock.
    ///
    /// # Errors
    /// When a setting is not a usable key or cost; the message names the setting.
    pub fn new(settings: &Settings, db: Db, clock: Clock) -> Result<Self, String> {
        Ok(Self {
            db,
            clock,
            passwords: Passwords::new(&settings.auth)?,
            tokens: Tokens::new(&settings.auth)?,
            principals: PrincipalCache::new(settings.auth.session_cache_ms),
            tasks: TaskTracker::new(),
            job_signal: JobSignal::default(), // only with jobs
            audit: settings.audit.clone(),
        })
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The `auth` settings.
    #[must_use]
    pub fn settings(&self) -> &AuthSettings {
        self.tokens.settings()
    }
}
