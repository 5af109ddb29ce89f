//! Runs the background tasks of a process and ends the process when one of them ends unexpectedly.

use std::error::Error;
use std::io;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::signals;
use crate::core::config::ServerSettings;
use crate::server::{Readiness, shut_down};

/// The background tasks of a process. Each returns a text that says how it ended.
pub(super) struct Supervisor {
    tasks: JoinSet<String>,
    readiness: Readiness,
}

impl Supervisor {
    /// Creates a supervisor. From now on, SIGTERM and SIGINT start the shutdown.
    pub(super) fn new(settings: &ServerSettings, readiness: Readiness) -> io::Result<Self> {
        tokio::spawn(shut_down(settings.clone(), readiness.clone(), signals::listen()?));
        Ok(Self::without_signals(readiness))
    }

    fn without_signals(readiness: Readiness) -> Self {
        Self { tasks: JoinSet::new(), readiness }
    }

    /// Starts a task that ends by itself during the shutdown.
    pub(super) fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(()) => format!("{name} ended"),
                Err(_) => format!("{name} panicked"),
            }
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
    /// When a task ends or panics before the shutdown has started. The process would otherwise go on without it.
    pub(super) async fn run(mut self) -> Result<(), Box<dyn Error>> {
        let readiness = self.readiness.clone();
        let ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                let outcome = ended.unwrap_or_else(|error| error.to_string());
                if !readiness.is_draining() {
                    tracing::error!("{outcome} unexpectedly: ending the process");
                    return Err(format!("{outcome} unexpectedly").into());
                }
                tracing::debug!("shutdown: {outcome}");
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[tokio::test]
    async fn task_that_ends_early_is_an_error_with_its_name() {
        let mut supervisor = Supervisor::without_signals(Readiness::default());
        supervisor.spawn_endless("session watcher", ready(()));
        supervisor.spawn("server", pending());
        let error = supervisor.run().await.expect_err("the task ended");
        assert_eq!(error.to_string(), "session watcher ended unexpectedly");
    }

    #[tokio::test]
    async fn task_that_panics_is_an_error_with_its_name() {
        let mut supervisor = Supervisor::without_signals(Readiness::default());
        supervisor.spawn("server", pending());
        supervisor.spawn("watcher", async { panic!("a panic of the test") });
        let error = supervisor.run().await.expect_err("the task panicked");
        assert_eq!(error.to_string(), "watcher panicked unexpectedly");
    }

    #[tokio::test]
    async fn tasks_that_end_during_the_shutdown_are_no_error() {
        let readiness = Readiness::default();
        let mut supervisor = Supervisor::without_signals(readiness.clone());
        supervisor.spawn_endless("session watcher", pending());
        let draining = readiness.clone();
        supervisor.spawn("watcher", async move { draining.draining().await });
        readiness.drain();
        readiness.stop();
        assert!(supervisor.run().await.is_ok());
    }

    #[tokio::test]
    async fn shutdown_ends_with_the_grace_period() {
        let readiness = Readiness::default();
        let mut supervisor = Supervisor::without_signals(readiness.clone());
        supervisor.spawn("server", pending());
        readiness.abort();
        assert!(supervisor.run().await.is_ok());
    }
}
