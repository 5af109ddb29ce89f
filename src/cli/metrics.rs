//! What Prometheus reads, on a listener of its own: it is for operators and not for clients.

use std::error::Error;
use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::net::TcpListener;
use tokio::time::interval;

use crate::core::config::Settings;
use crate::core::readiness::Readiness;
use crate::core::server;

/// Upper ends of the buckets of durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// How often what was measured is put into buckets.
const UPKEEP: Duration = Duration::from_secs(5);

/// From now on numbers are counted, and `GET /metrics` tells them, where the settings say so.
pub(super) async fn serve(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let Some(port) = settings.metrics.port else { return Ok(()) };
    let address = (settings.metrics.host.as_str(), port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("metrics: cannot listen on {}:{}: {error}", address.0, address.1))?;
    tracing::info!("metrics are at http://{}/metrics", listener.local_addr()?);
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    let rendered = handle.clone();
    let router = Router::new().route("/metrics", get(async move || rendered.render()));
    let server = settings.server.clone();
    tokio::spawn(async move { server::serve(listener, router, &server, Readiness::default(), pending::<()>).await });
    tokio::spawn(async move {
        let mut ticks = interval(UPKEEP);
        loop {
            ticks.tick().await;
            handle.run_upkeep();
        }
    });
    Ok(())
}
