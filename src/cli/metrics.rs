//! Metrics for Prometheus, on a separate listener: they are for operators, not for clients.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::interval;
use tower::util::BoxCloneSyncService;

use super::Outcome;
use super::supervisor::Supervisor;
use crate::core::config::Settings;
use crate::server::{self, Readiness};

/// Upper bounds of the buckets of durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// How often recorded values are moved into buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Installs the recorder and serves `GET /metrics`, if `metrics.port` is set.
pub(super) async fn serve(settings: &Settings, supervisor: &mut Supervisor) -> Outcome {
    let Some(port) = settings.metrics.port else { return Ok(()) };
    let listener = super::bind(&settings.metrics.host, port).await.map_err(|error| format!("metrics: {error}"))?;
    tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    let rendered = handle.clone();
    let router = Router::new().route("/metrics", get(async move || rendered.render()));
    let app = BoxCloneSyncService::new(router);
    supervisor.spawn_endless("metrics", server::serve(listener, app, settings.server.clone(), Readiness::default()));
    supervisor.spawn_endless("metrics upkeep", async move {
        let mut ticks = interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            handle.run_upkeep();
        }
    });
    Ok(())
}
