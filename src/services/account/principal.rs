//! The user behind a token or API key, and a short-lived cache of such users.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use uuid::Uuid;

use super::user::User;
use crate::schemas::scope::Scopes;

/// The user of a valid token or API key.
#[derive(Clone)]
pub struct Principal {
    /// The active user.
    pub user: Arc<User>,
    /// The scopes of the token or key.
    pub scopes: Scopes,
    /// The session of a token; `None` for a key.
    pub session: Option<Uuid>,
    /// When a token expires; `None` for a key.
    pub token_expires_at: Option<DateTime<Utc>>,
}

// only with realtime
/// A principal that opens a WebSocket or an event stream.
#[derive(Debug, Clone, Copy)]
pub struct SocketPrincipal {
    /// The user.
    pub user: Uuid,
    /// The session of the token or ticket.
    pub session: Uuid,
    /// When the access token expires, and with it the connection.
    pub token_expires_at: DateTime<Utc>,
}

/// Identifies the token or key of a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// The session of an access token.
    Session(Uuid),
    // only with api_keys
    /// The hash of an API key.
    ApiKey(String),
}

/// Principals that were looked up within `auth.session_cache_ms`, so that not every request needs a query. Clones share
/// them. Changes by this process take effect at once, changes by another process when the entry expires.
#[derive(Clone)]
pub struct PrincipalCache {
    entries: Arc<Mutex<Entries>>,
    invalidated: Arc<Notify>, // only with realtime
    ttl: Duration,
}

#[derive(Default)]
struct Entries {
    by_credential: HashMap<Credential, Entry>,
    /// The number of entries at which expired ones are removed.
    threshold: usize,
    /// The number of invalidations.
    invalidations: u64,
}

struct Entry {
    principal: Principal,
    looked_up_at: Instant,
}

/// The state of the cache when a query for a principal started, after a cache miss.
pub(super) struct Lookup {
    started_at: Instant,
    invalidations: u64,
}

/// Fewer entries are not worth cleaning up.
const MIN_THRESHOLD: usize = 4096;

impl PrincipalCache {
    /// A cache whose entries expire after `milliseconds`; 0 caches nothing.
    #[must_use]
    pub fn new(milliseconds: u64) -> Self {
        Self { entries: Arc::default(), invalidated: Arc::default(), ttl: Duration::from_millis(milliseconds) }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cached principal; on a miss, the [`Lookup`] to pass to [`Self::insert`] after the query.
    pub(super) fn get(&self, credential: &Credential) -> Result<Principal, Lookup> {
        let entries = self.lock();
        match entries.by_credential.get(credential) {
            Some(entry) if entry.looked_up_at.elapsed() < self.ttl => Ok(entry.principal.clone()),
            _ => Err(Lookup { started_at: Instant::now(), invalidations: entries.invalidations }),
        }
    }

    pub(super) fn insert(&self, credential: Credential, principal: Principal, lookup: &Lookup) {
        let entries = &mut *self.lock();
        // After an invalidation during the query, its result may be outdated.
        if self.ttl.is_zero() || entries.invalidations != lookup.invalidations {
            return;
        }
        if entries.by_credential.len() >= entries.threshold {
            entries.by_credential.retain(|_, entry| entry.looked_up_at.elapsed() < self.ttl);
            entries.threshold = (entries.by_credential.len() * 2).max(MIN_THRESHOLD);
        }
        entries.by_credential.insert(credential, Entry { principal, looked_up_at: lookup.started_at });
    }

    /// Removes the user's entries, after a change of the user, a session or a key.
    pub(super) fn invalidate(&self, user: Uuid) {
        let mut entries = self.lock();
        entries.invalidations += 1;
        entries.by_credential.retain(|_, entry| entry.principal.user.id != user);
        self.invalidated.notify_one(); // only with realtime
    }

    // only with realtime
    /// Waits until [`Self::invalidate`] was called since the last time. For a single waiter.
    pub async fn invalidated(&self) {
        self.invalidated.notified().await;
    }
}
