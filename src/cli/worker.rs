//! `worker`

use std::time::Duration;

use tokio::sync::oneshot;

use super::Outcome;
use super::signals::Signals;
use crate::core::config::Settings;
use crate::core::migrate;
use crate::jobs::worker::work;

/// Runs jobs until asked to stop, and nothing else.
pub(super) async fn run(settings: Settings) -> Outcome {
    let grace = Duration::from_secs(settings.server.shutdown_grace_seconds);
    let auto_migrate = settings.database.auto_migrate;
    let state = super::state(settings).await?;
    if auto_migrate {
        migrate::up(&state.db).await.map_err(|error| format!("a migration failed: {error}"))?;
    }
    let signals = Signals::new()?;
    let (stop, stopped) = oneshot::channel();
    let stopped = async {
        let _ = stopped.await;
    };
    let second_signal = async {
        signals.next().await;
        let _ = stop.send(());
        signals.next().await;
    };
    super::metrics::serve(&state.settings).await?;
    tracing::info!("running jobs");
    tokio::select! {
        () = work(super::jobs_context(&state)?, stopped, grace) => {}
        () = second_signal => tracing::warn!("stopped at once: second signal"),
    }
    Ok(())
}
