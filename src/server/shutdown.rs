//! The steps of a shutdown.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Readiness;
use crate::core::config::ServerSettings;

/// Waits for a signal and shuts the process down: not ready at once, no new connections after `drain_delay_seconds`,
/// and after another `shutdown_grace_seconds` unfinished work is aborted. A second signal aborts it immediately.
///
/// `signals` has a message for each signal.
pub async fn shut_down(settings: ServerSettings, readiness: Readiness, mut signals: mpsc::Receiver<()>) {
    signals.recv().await;
    tracing::info!("shutdown started: /health/ready returns 503");
    readiness.drain();
    let steps = async {
        sleep(Duration::from_secs(settings.drain_delay_seconds)).await;
        readiness.stop();
        sleep(Duration::from_secs(settings.shutdown_grace_seconds)).await;
    };
    tokio::select! {
        () = steps => tracing::warn!("shutdown: the grace period is over"),
        _ = signals.recv() => tracing::warn!("shutdown: second signal, ending now"),
    }
    readiness.abort();
}
