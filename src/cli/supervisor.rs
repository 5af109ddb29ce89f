//! Runs the parts of a process, and notices when one of them ends that should not.

use std::error::Error;
use std::io;

use tokio::task::JoinSet;

use super::signals;
use crate::core::config::ServerSettings;
use crate::server::{Readiness, shut_down};

/// The tasks of a process.
pub(super) struct Supervisor {
    tasks: JoinSet<&'static str>,
    readiness: Readiness,
}

impl Supervisor {
    /// From now on SIGTERM and SIGINT start the shutdown.
    pub(super) fn new(settings: &ServerSettings, readiness: Readiness) -> io::Result<Self> {
        tokio::spawn(shut_down(settings.clone(), readiness.clone(), signals::listen()?));
        Ok(Self { tasks: JoinSet::new(), readiness })
    }

    /// Starts a task that ends by itself during the shutdown.
    pub(super) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Starts a task that never ends by itself. It is stopped when the shutdown stops new connections.
    pub(super) fn spawn_endless(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let readiness = self.readiness.clone();
        self.spawn(name, async move {
            tokio::select! {
                () = task => {}
                () = readiness.stopping() => {}
            }
        });
    }

    /// Waits until every task has ended, or the grace period of the shutdown is over.
    ///
    /// # Errors
    /// When a task ends or panics before the shutdown has started: without it the process would only look alive.
    pub(super) async fn run(mut self) -> Result<(), Box<dyn Error>> {
        let readiness = self.readiness.clone();
        let ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                let cause = match ended {
                    Ok(name) => format!("{name} ended"),
                    Err(error) => format!("a background task failed: {error}"),
                };
                if !readiness.is_draining() {
                    return Err(cause.into());
                }
                tracing::debug!(cause, "shutdown");
            }
            tracing::info!("shutdown complete");
            Ok(())
        };
        tokio::select! {
            ended = ended => ended,
            () = readiness.aborted() => Ok(()),
        }
    }
}
