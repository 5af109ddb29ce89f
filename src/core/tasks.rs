//! Work that is done after the answer and may be lost, when the process is killed or has too much of it. What must not
//! be lost is a job.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

/// Tasks at once; further ones are dropped.
const ROOM: usize = 1000;

/// Starts tasks, and waits for them at the end. Clones share them.
#[derive(Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    room: Arc<Semaphore>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { tracker: TaskTracker::new(), room: Arc::new(Semaphore::new(ROOM)) }
    }
}

impl Tasks {
    /// Does the work in the background. Under too much of it, it is not done, and the log says so.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            tracing::warn!(name, "a task was dropped: too many of them");
            return;
        };
        self.tracker.spawn(async move {
            work.await;
            drop(place);
        });
    }

    /// Waits until all are done, but no longer than this.
    pub async fn finish(&self, limit: Duration) {
        self.tracker.close();
        if timeout(limit, self.tracker.wait()).await.is_err() {
            tracing::warn!(count = self.tracker.len(), "tasks were not finished");
        }
    }
}
