//! `worker`

use tokio::time::timeout;

use super::supervisor::Supervisor;
use super::{CLOSE_TIMEOUT, Outcome, metrics};
use crate::app;
use crate::core::config::Settings;
use crate::jobs::worker;
use crate::server;

/// Runs jobs until the process is asked to stop. Serves `/health` alone, for health checks of containers.
pub(super) async fn run(settings: Settings) -> Outcome {
    let state = super::migrated_state(settings).await?;
    let (settings, readiness) = (state.settings.clone(), state.readiness.clone());
    let jobs = super::jobs_context(&state)?;
    let listener = super::bind(&settings.server.host, settings.server.port).await?;
    let mut supervisor = Supervisor::new(&settings.server, readiness.clone())?;
    metrics::serve(&state, &mut supervisor).await?; // only with observability
    tracing::info!("listening on http://{} for health checks", listener.local_addr()?);
    tracing::info!("worker started");

    supervisor.spawn_endless("health monitor", super::monitor(&state));
    supervisor.spawn("worker", worker::work(jobs, readiness.clone()));
    let health = app::build_health(&state);
    supervisor.spawn("server", server::serve(listener, health, settings.server.clone(), readiness));
    let outcome = supervisor.run().await;
    let _ = timeout(CLOSE_TIMEOUT, state.db.close()).await;
    outcome
}
