//! Who is behind a token or a key, and what was found out about that a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use super::user::User;
use crate::schemas::scope::Scopes;

/// Somebody with a good token or key.
#[derive(Clone)]
pub struct Principal {
    /// The active user.
    pub user: Arc<User>,
    /// What the token or key may be used for.
    pub scopes: Scopes,
    /// The session, when it is a token.
    pub session: Option<Uuid>,
    /// When the token ends, when it is one.
    pub token_expires_at: Option<DateTime<Utc>>,
}

/// A principal that opens a WebSocket or an event stream.
#[derive(Debug, Clone, Copy)]
pub struct SocketPrincipal {
    /// The user.
    pub user: Uuid,
    /// The session of the token or ticket.
    pub session: Uuid,
    /// When the access token expires, and with it the connection.
    pub until: DateTime<Utc>,
}

/// What a caller showed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The session that an access token names.
    Session(Uuid),
    /// The hash of an API key.
    ApiKey(String),
}

/// Principals that were looked up within the last second, so that not every request has to. Clones share them. What
/// this process changes counts at once; what another one changes, when the second is over.
#[derive(Clone)]
pub struct PrincipalCache {
    known: Arc<Mutex<Known>>,
    forgotten: Arc<Notify>,
    good_for: Duration,
}

#[derive(Default)]
struct Known {
    entries: HashMap<Credential, Entry>,
    /// Counts what was forgotten.
    changes: u64,
}

struct Entry {
    caller: Principal,
    asked: Instant,
}

/// When the database was asked, and what had been forgotten by then.
pub(super) struct Asked {
    at: Instant,
    changes: u64,
}

/// Above this, what is past is thrown away before something is added.
const CAPACITY: usize = 4096;

impl PrincipalCache {
    /// Remembers for so many milliseconds; 0 remembers nothing.
    #[must_use]
    pub fn new(milliseconds: u64) -> Self {
        Self { known: Arc::default(), forgotten: Arc::default(), good_for: Duration::from_millis(milliseconds) }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller, or what to hand to [`Self::remember`] once the database has told.
    pub(super) fn get(&self, credential: &Credential) -> Result<Principal, Asked> {
        let known = self.lock();
        match known.entries.get(credential) {
            Some(entry) if entry.asked.elapsed() < self.good_for => Ok(entry.caller.clone()),
            _ => Err(Asked { at: Instant::now(), changes: known.changes }),
        }
    }

    pub(super) fn remember(&self, credential: Credential, caller: Principal, asked: &Asked) {
        let mut known = self.lock();
        // What the database said may be what was forgotten in the meantime.
        if self.good_for.is_zero() || known.changes != asked.changes {
            return;
        }
        if known.entries.len() >= CAPACITY {
            known.entries.retain(|_, entry| entry.asked.elapsed() < self.good_for);
        }
        known.entries.insert(credential, Entry { caller, asked: asked.at });
    }

    /// Something about the user has changed: the next request looks again.
    pub(super) fn forget(&self, user: Uuid) {
        let mut known = self.lock();
        known.changes += 1;
        known.entries.retain(|_, entry| entry.caller.user.id != user);
        self.forgotten.notify_one();
    }

    /// Waits until somebody was forgotten since the last time. For one who waits.
    pub async fn forgotten(&self) {
        self.forgotten.notified().await;
    }
}
