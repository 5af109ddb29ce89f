//! How many tries of one key are under way at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets as many tries of a key go on at once as its quota allows; the others wait for their turn. So five hundred
/// good logins at once are not mistaken for guesses, and five hundred guesses are still counted one by one.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<String, Weak<Semaphore>>>>);

/// Above this, keys that nobody tries any more are thrown away before one is added.
const ROOM: usize = 1024;

impl Turns {
    /// Waits for a turn, which ends when the permit is dropped.
    pub(super) async fn wait(&self, key: &str, at_once: u32) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        self.of(key, at_once).acquire_owned().await.ok()
    }

    fn of(&self, key: &str, at_once: u32) -> Arc<Semaphore> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= ROOM {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(Semaphore::new(usize::try_from(at_once).unwrap_or(usize::MAX >> 4)));
        turns.insert(key.to_owned(), Arc::downgrade(&turn));
        turn
    }
}
