//! Whether the process should get requests, and how far its shutdown has come.

use std::sync::Arc;

use tokio::sync::watch;

/// The phases of a process, in order. There is no way back.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
enum Phase {
    #[default]
    Serving,
    /// `/health/ready` returns 503, so that the load balancer sends no more requests. Everything else goes on.
    Draining,
    /// No new connections. Work that has begun is finished.
    Stopping,
    /// The grace period is over: unfinished work is aborted.
    Aborted,
}

/// The state of the dependencies, as the last background check found it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependencies {
    /// Why the database cannot be used, if it cannot.
    pub database_error: Option<Arc<str>>,
    /// Whether Redis is configured and does not respond. The process goes on with local limits.
    pub is_degraded: bool,
}

/// Shared by the server, the health routes, the background tasks and the shutdown. Clones share the state.
#[derive(Clone, Default)]
pub struct Readiness {
    phase: Arc<watch::Sender<Phase>>,
    dependencies: Arc<watch::Sender<Dependencies>>,
}

impl Readiness {
    /// Starts the shutdown: `/health/ready` returns 503 from now on.
    pub fn drain(&self) {
        self.phase.send_replace(Phase::Draining);
    }

    /// Stops accepting connections. Open ones finish their requests.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopping);
    }

    /// Ends the grace period.
    pub fn abort(&self) {
        self.phase.send_replace(Phase::Aborted);
    }

    /// Whether the shutdown has started.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        *self.phase.borrow() >= Phase::Draining
    }

    /// Waits for [`Self::drain`].
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits for [`Self::stop`].
    pub async fn stopping(&self) {
        self.reached(Phase::Stopping).await;
    }

    /// Waits for [`Self::abort`].
    pub async fn aborted(&self) {
        self.reached(Phase::Aborted).await;
    }

    async fn reached(&self, phase: Phase) {
        // Fails only when the sender is gone, and `self` holds it.
        let _ = self.phase.subscribe().wait_for(|current| *current >= phase).await;
    }

    /// Records the result of a background check. Returns whether it differs from the one before.
    #[must_use]
    pub fn report(&self, dependencies: Dependencies) -> bool {
        self.dependencies.send_if_modified(|current| {
            let is_new = *current != dependencies;
            *current = dependencies;
            is_new
        })
    }

    /// The result of the last background check.
    #[must_use]
    pub fn dependencies(&self) -> Dependencies {
        self.dependencies.borrow().clone()
    }
}
