//! Limits of this process alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Charge, Outcome};

/// Counts attempts and remembers known networks in memory. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    /// Per key: when the quota is full again, in microseconds since 1970.
    full_at: Expiring,
    /// Per key: when the network is forgotten, in microseconds since 1970.
    known_networks: Expiring,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn charge(&self, charge: &Charge, attempts: i64, now: i64) -> Outcome {
        let quota = charge.quota;
        let mut entries = self.lock();
        let full_at = entries.full_at.get(&charge.key).unwrap_or(now);
        // Never more than the whole quota, even if the clock was set back.
        let used = (full_at - now).clamp(0, quota.capacity());
        let new = used + attempts * quota.interval();
        if new > quota.capacity() {
            return Outcome { used, wait: Some(new - quota.capacity()) };
        }
        let new = new.max(0);
        entries.full_at.insert(&charge.key, now + new, now);
        Outcome { used: new, wait: None }
    }

    pub(super) fn remember_network(&self, key: &str, until: i64, now: i64) {
        self.lock().known_networks.insert(key, until, now);
    }

    pub(super) fn is_known_network(&self, key: &str, now: i64) -> bool {
        self.lock().known_networks.get(key).is_some_and(|until| until > now)
    }
}

/// Times by key. Past times are removed when there are many entries.
#[derive(Default)]
struct Expiring {
    times: HashMap<String, i64>,
    /// The number of entries at which past times are removed.
    threshold: usize,
}

/// Fewer entries are not worth cleaning up.
const MIN_THRESHOLD: usize = 10_000;

impl Expiring {
    fn get(&self, key: &str) -> Option<i64> {
        self.times.get(key).copied()
    }

    fn insert(&mut self, key: &str, time: i64, now: i64) {
        if self.times.len() >= self.threshold {
            self.times.retain(|_, time| *time > now);
            self.threshold = (self.times.len() * 2).max(MIN_THRESHOLD);
        }
        self.times.insert(key.to_owned(), time);
    }
}
