//! What the services that are about accounts have in common.

use chrono::{DateTime, Utc};

use super::caller::Callers;
use crate::core::clock::Clock;
use crate::core::config::{AuthSettings, Settings};
use crate::core::database::Db;
use crate::core::security::{Passwords, Tokens};
use crate::core::tasks::Tasks;
use crate::core::wake::Wake;

/// Everything that logging in, sessions, passwords and users need. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    /// The pool of connections.
    pub db: Db,
    /// The time.
    pub clock: Clock,
    /// Hashes and verifies passwords.
    pub passwords: Passwords,
    /// Issues and checks access tokens.
    pub tokens: Tokens,
    /// Who was found behind a token or key just now.
    pub callers: Callers,
    /// What is done after the answer.
    pub tasks: Tasks,
    /// Wakes the workers of this process when there is a job.
    pub wake: Wake,
}

impl Accounts {
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
            callers: Callers::new(settings.auth.session_cache_ms),
            tasks: Tasks::default(),
            wake: Wake::default(),
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
