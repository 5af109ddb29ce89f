//! Wakes the worker of this process.

use std::sync::Arc;

use tokio::sync::Notify;

/// Tells the worker of this process that a job was queued. Clones share it. A signal that is sent while the worker does
/// not wait is delivered when it waits next.
#[derive(Clone, Default)]
pub struct JobSignal(Arc<Notify>);

impl JobSignal {
    /// Call it after the commit of a transaction that queued a job.
    pub fn notify(&self) {
        self.0.notify_one();
    }

    /// Waits for the next [`Self::notify`].
    pub async fn notified(&self) {
        self.0.notified().await;
    }
}
