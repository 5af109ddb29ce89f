//! Limits of this process alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Outcome, Quota};

/// When the quota of each key will be whole again, in microseconds since 1970. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    whole_at: HashMap<String, i64>,
    /// So many may there be before what is past is thrown away.
    room: usize,
}

/// Below this it is not worth looking for what is past.
const MIN_CAPACITY: usize = 10_000;

impl Memory {
    pub(super) fn take(&self, key: &str, quota: Quota, tries: i64, now: i64) -> Outcome {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = entries.whole_at.get(key).copied().unwrap_or(now);
        // Never more than a whole quota away, also when the clock was set back.
        let debt = (known - now).clamp(0, quota.whole());
        let new = debt + tries * quota.interval();
        if new > quota.whole() {
            return Outcome { debt, wait: Some(new - quota.whole()) };
        }
        if entries.whole_at.len() >= entries.room {
            entries.whole_at.retain(|_, whole_at| *whole_at > now);
            entries.room = (entries.whole_at.len() * 2).max(MIN_CAPACITY);
        }
        let new = new.max(0);
        entries.whole_at.insert(key.to_owned(), now + new);
        Outcome { debt: new, wait: None }
    }
}
