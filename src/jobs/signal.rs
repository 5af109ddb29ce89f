//! Tells the workers of this process that there is something to do.

use std::sync::Arc;

use tokio::sync::Notify;

/// A bell that clones share. Who rings it while nobody listens is heard by the next one who does.
#[derive(Clone, Default)]
pub struct JobSignal(Arc<Notify>);

impl JobSignal {
    /// There is something to do: call it when the transaction that wrote a job is committed.
    pub fn notify(&self) {
        self.0.notify_one();
    }

    /// Waits until somebody calls [`Self::notify`].
    pub async fn notified(&self) {
        self.0.notified().await;
    }
}
