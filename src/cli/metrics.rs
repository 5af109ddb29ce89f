//! Metrics for Prometheus, on a separate listener: they are for operators, not for clients.
//!
//! A metric of your own is one line where the thing happens, `metrics::counter!("notes_created_total").increment(1)`,
//! and a line in [`describe`].

use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::interval;
use tower::util::BoxCloneSyncService;

use super::Outcome;
use super::supervisor::Supervisor;
use crate::core::database;
use crate::server::{self, Readiness};
use crate::services::health;
use crate::state::AppState;

/// Upper bounds of the buckets of durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// How often recorded values are moved into buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// The text format of Prometheus.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Installs the recorder and serves `GET /metrics`, if `metrics.port` is set.
pub(super) async fn serve(state: &AppState, supervisor: &mut Supervisor) -> Outcome {
    let settings = &state.settings;
    let Some(port) = settings.metrics.port else { return Ok(()) };
    let listener = super::bind(&settings.metrics.host, port).await.map_err(|error| format!("metrics: {error}"))?;
    tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
    let handle = PrometheusBuilder::new().set_buckets(&BUCKETS)?.install_recorder()?;
    describe();
    start_at_zero();
    let (sampled, rendered) = (state.clone(), handle.clone());
    let scrape = async move || {
        sample(&sampled);
        ([(header::CONTENT_TYPE, CONTENT_TYPE)], rendered.render())
    };
    let app = BoxCloneSyncService::new(Router::new().route("/metrics", get(scrape)));
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

/// Every metric but those of the process, with its help text.
fn describe() {
    describe_histogram!("http_server_request_duration_seconds", "Time until the response starts");
    describe_gauge!("http_server_active_requests", "Requests in flight");
    describe_gauge!("http_server_connections", "Open connections, with those for metrics");
    describe_counter!("http_server_response_bytes_total", "Bytes of response bodies, as sent");
    describe_gauge!("ready", "Whether /health/ready is 200");
    describe_gauge!("build_info", "The version of the service");
    describe_gauge!("database_up", "Whether the last check reached the database");
    describe_gauge!("database_pool_connections", "Connections of the pool");
    describe_gauge!("database_pool_max_connections", "database.max_connections");
    describe_histogram!("database_pool_acquire_duration_seconds", "Time to get a connection from the pool");
    describe_counter!("database_pool_waits_total", "Acquisitions of a connection that took more than a millisecond");
    describe_histogram!(
        "database_statement_duration_seconds",
        "Time of a statement, without the wait for a connection"
    );
    describe_counter!("database_statement_failures_total", "Statements that failed, including conflicts");
    // only with jobs: begin
    describe_gauge!("jobs", "Jobs by status, as every worker sees them");
    describe_gauge!("jobs_oldest_queued_seconds", "How long the oldest queued job has been due");
    describe_counter!("jobs_total", "Attempts of jobs by outcome");
    describe_histogram!("job_duration_seconds", "Time of an attempt");
    describe_gauge!("api_keys_expiring", "API keys that expire within seven days, as every worker sees them"); // only with api_keys
    // only with jobs: end
    describe_gauge!("realtime_connections", "Open WebSockets and event streams"); // only with realtime
    describe_counter!("rate_limit_refusals_total", "Requests over a rate limit");
    describe_counter!("logins_total", "Logins by outcome");
    describe_gauge!("password_hashes", "Password hashes that run, or wait for auth.hash_concurrency");
    describe_gauge!("redis_up", "Whether the last check reached Redis");
    describe_gauge!("upstream_up", "Whether the upstream service is called: 0 after several outages in a row"); // only with external
    describe_gauge!("tokio_workers", "Threads that run tasks");
    describe_gauge!("tokio_alive_tasks", "Tasks of the runtime");
    describe_gauge!("tokio_global_queue_depth", "Tasks that wait for a thread");
    describe_gauge!("tokio_busy_seconds_total", "Time that all threads have spent on tasks");
    #[cfg(target_os = "linux")]
    metrics_process::Collector::default().describe();
}

/// Counters that appear with their first event would hide it from `rate()`, which needs a value before it.
fn start_at_zero() {
    counter!("database_pool_waits_total").increment(0);
    for operation in ["select", "insert", "update", "delete", "other"] {
        counter!("database_statement_failures_total", "operation" => operation).increment(0);
    }
    for limit in ["login", "mail", "signup", "refresh", "request"] {
        counter!("rate_limit_refusals_total", "limit" => limit).increment(0);
    }
    for outcome in ["succeeded", "wrong_password", "unverified"] {
        counter!("logins_total", "outcome" => outcome).increment(0);
    }
    for state in ["waiting", "running"] {
        gauge!("password_hashes", "state" => state).set(0);
    }
}

/// Sets the metrics that are states rather than events.
fn sample(state: &AppState) {
    let dependencies = state.readiness.dependencies();
    gauge!("build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    gauge!("ready").set(flag(health::ready(&state.readiness).is_ok()));
    gauge!("database_up").set(flag(dependencies.database_error.is_none()));
    if state.settings.redis.url.is_some() {
        gauge!("redis_up").set(flag(!dependencies.is_degraded));
    }
    // only with external
    if let Some(is_up) = state.upstream.is_up() {
        gauge!("upstream_up").set(flag(is_up));
    }

    let (in_use, idle) = database::connections(&state.db);
    gauge!("database_pool_connections", "state" => "in_use").set(in_use);
    gauge!("database_pool_connections", "state" => "idle").set(idle);
    gauge!("database_pool_max_connections").set(state.settings.database.max_connections);

    // only with realtime: begin
    let sockets = state.hub.sockets();
    gauge!("realtime_connections", "kind" => "websocket").set(number(sockets));
    gauge!("realtime_connections", "kind" => "events").set(number(state.hub.connections().saturating_sub(sockets)));
    // only with realtime: end

    let runtime = tokio::runtime::Handle::current().metrics();
    let busy: Duration = (0..runtime.num_workers()).map(|worker| runtime.worker_total_busy_duration(worker)).sum();
    gauge!("tokio_workers").set(number(runtime.num_workers()));
    gauge!("tokio_alive_tasks").set(number(runtime.num_alive_tasks()));
    gauge!("tokio_global_queue_depth").set(number(runtime.global_queue_depth()));
    gauge!("tokio_busy_seconds_total").set(busy);
    #[cfg(target_os = "linux")]
    metrics_process::Collector::default().collect();
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

fn number(count: usize) -> f64 {
    u32::try_from(count).unwrap_or(u32::MAX).into()
}
