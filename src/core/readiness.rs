//! How far the process is on its way out: shared by the server, which goes it, the health route, and whoever keeps
//! connections open.

use std::sync::Arc;

use tokio::sync::watch;

#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Serving,
    Draining,
    Stopping,
}

/// What clones share. It starts as serving, is set to draining, then to stopping, and never back.
#[derive(Clone)]
pub struct Readiness(Arc<watch::Sender<Phase>>);

impl Default for Readiness {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Serving)))
    }
}

impl Readiness {
    /// From now on the process is on its way out.
    pub fn drain(&self) {
        self.0.send_replace(Phase::Draining);
    }

    /// From now on there are no new connections, and those that stay open by themselves have to close.
    pub fn stop(&self) {
        self.0.send_replace(Phase::Stopping);
    }

    /// Whether [`Self::drain`] was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.0.borrow() != Phase::Serving
    }

    /// Waits for [`Self::stop`].
    pub async fn stopping(&self) {
        // Fails only when the sender is gone, and this is it.
        let _ = self.0.subscribe().wait_for(|phase| *phase == Phase::Stopping).await;
    }
}
