//! `worker`

use tokio::time::timeout;

use super::supervisor::Supervisor;
use super::{CLOSE_TIMEOUT, Outcome, metrics};
use crate::core::config::Settings;
use crate::jobs::worker;

/// Runs jobs until the process is asked to stop, and serves no requests.
pub(super) async fn run(settings: Settings) -> Outcome {
    let state = super::migrated_state(settings).await?;
    let readiness = state.readiness.clone();
    let mut supervisor = Supervisor::new(&state.settings.server, readiness.clone())?;
    metrics::serve(&state.settings, &mut supervisor).await?;
    supervisor.spawn("worker", worker::work(super::jobs_context(&state)?, readiness));
    tracing::info!("running jobs");
    let outcome = supervisor.run().await;
    let _ = timeout(CLOSE_TIMEOUT, state.db.close()).await;
    outcome
}
