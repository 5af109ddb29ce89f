//! Who is behind a token or a key, and what was found out about that a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::user::User;
use crate::schemas::scope::Scopes;

/// Somebody with a good token or key.
#[derive(Clone)]
pub struct Caller {
    /// The active user.
    pub user: Arc<User>,
    /// What the token or key may be used for.
    pub scopes: Scopes,
    /// The session, when it is a token.
    pub session: Option<Uuid>,
}

/// What a caller showed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The session that an access token names.
    Session(Uuid),
    /// The hash of an API key.
    ApiKey(String),
}

/// Callers that were looked up within the last second, so that not every request has to. Clones share them. What
/// this process changes counts at once; what another one changes, when the second is over.
#[derive(Clone)]
pub struct Callers {
    entries: Arc<Mutex<HashMap<Credential, Entry>>>,
    good_for: Duration,
}

struct Entry {
    caller: Caller,
    /// When the database was asked.
    asked: Instant,
}

/// Above this, what is past is thrown away before something is added.
const ROOM: usize = 4096;

impl Callers {
    /// Remembers for so many milliseconds; 0 remembers nothing.
    #[must_use]
    pub fn new(milliseconds: u64) -> Self {
        Self { entries: Arc::default(), good_for: Duration::from_millis(milliseconds) }
    }

    pub(super) fn get(&self, credential: &Credential) -> Option<Caller> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.get(credential)?;
        (entry.asked.elapsed() < self.good_for).then(|| entry.caller.clone())
    }

    pub(super) fn remember(&self, credential: Credential, caller: Caller, asked: Instant) {
        if self.good_for.is_zero() {
            return;
        }
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ROOM {
            entries.retain(|_, entry| entry.asked.elapsed() < self.good_for);
        }
        entries.insert(credential, Entry { caller, asked });
    }

    /// Something about the user has changed: the next request looks again.
    pub(super) fn forget(&self, user: Uuid) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|_, entry| entry.caller.user.id != user);
    }
}
