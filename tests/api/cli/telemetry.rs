//! Metrics and traces of real processes.

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
// only with jobs: begin
use chrono::TimeDelta;
use keel::core::clock::Clock;
use keel::core::database::begin_write;
use keel::entities::job;
use keel::jobs::kinds::Job;
use keel::jobs::queue::{self, Status};
use keel::jobs::schedule;
// only with jobs: end
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
// only with jobs: begin
use sea_orm::EntityTrait;
use sea_orm::sea_query::Expr;
// only with jobs: end
use tokio::time::{sleep, timeout};

use super::serve::{Process, log_in, request};
use super::{command, folder};
use crate::support::database::TestDatabase;
use crate::support::smtp::{Mood, Smtp};
use crate::support::socket::TIMEOUT;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A port that nothing listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn scrape(port: u16) -> String {
    reqwest::get(format!("http://127.0.0.1:{port}/metrics")).await.unwrap().text().await.unwrap()
}

/// The value of the first metric whose line starts like this.
fn value<'a>(text: &'a str, start: &str) -> &'a str {
    let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in:\n{text}"));
    line.rsplit(' ').next().unwrap()
}

#[tokio::test]
async fn metrics_cover_every_part_of_the_process() {
    let (folder, database, port) = (folder(), TestDatabase::migrated().await, free_port());
    let mut serve = command(folder.path(), &database, &["serve"]);
    let process = Process::spawn(serve.env("APP__METRICS__PORT", port.to_string()));
    let address = process.address();
    log_in(address).await;
    let form = "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
    request(address, form, "username=admin%40example.com&password=wrong").await;
    request(address, "GET /api/v1/users HTTP/1.1", "").await;

    // only with jobs: begin
    // Jobs are counted with the first heartbeat. This metric is the last one.
    let counted = async {
        while !scrape(port).await.contains("jobs_oldest_queued_seconds") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, counted).await.expect("jobs are counted");
    // only with jobs: end
    let text = scrape(port).await;
    let requests = "http_server_request_duration_seconds_count{method=";
    assert_eq!(value(&text, &format!(r#"{requests}"POST",route="/token",status="200"}}"#)), "1");
    assert_eq!(value(&text, &format!(r#"{requests}"POST",route="/token",status="400"}}"#)), "1");
    assert_eq!(value(&text, &format!(r#"{requests}"GET",route="/api/v1/users",status="401"}}"#)), "1");
    assert_eq!(value(&text, r#"logins_total{outcome="succeeded"}"#), "1");
    assert_eq!(value(&text, r#"logins_total{outcome="wrong_password"}"#), "1");
    assert_eq!(value(&text, "http_server_active_requests"), "0");
    assert_eq!(value(&text, "ready"), "1");
    assert_eq!(value(&text, "database_up"), "1");
    assert_eq!(value(&text, "database_pool_max_connections"), "4");
    assert_eq!(value(&text, r#"password_hashes{state="running"}"#), "0");
    for at_least_one in [
        r#"http_server_response_bytes_total{route="/token"}"#,
        "http_server_connections",
        r#"database_statement_duration_seconds_count{operation="select"}"#,
        r#"database_statement_duration_seconds_count{operation="insert"}"#,
        "database_pool_acquire_duration_seconds_count",
        "tokio_workers",
        "tokio_alive_tasks",
        "process_resident_memory_bytes",
        "process_open_fds",
        "build_info",
    ] {
        assert!(value(&text, at_least_one).parse::<f64>().unwrap() >= 1.0, "{at_least_one}");
    }
    for present in [
        r#"database_pool_connections{state="in_use"}"#,
        r#"database_pool_connections{state="idle"}"#,
        // only with jobs: begin
        r#"jobs{status="queued"}"#,
        "api_keys_expiring", // only with api_keys
        // only with jobs: end
        r#"realtime_connections{kind="websocket"}"#, // only with realtime
        r#"realtime_connections{kind="events"}"#,    // only with realtime
        "tokio_global_queue_depth",
        "tokio_busy_seconds_total",
        "process_cpu_seconds_total",
    ] {
        value(&text, present);
    }
}

#[tokio::test]
async fn metrics_do_not_grow_with_ids_paths_or_methods() {
    let (folder, database, port) = (folder(), TestDatabase::migrated().await, free_port());
    let mut serve = command(folder.path(), &database, &["serve"]);
    let process = Process::spawn(serve.env("APP__METRICS__PORT", port.to_string()));
    let address = process.address();
    let token = log_in(address).await;
    let series = async |number: usize| {
        for head in [
            format!("GET /api/v1/users/00000000-0000-7000-8000-{number:012} HTTP/1.1\r\nAuthorization: Bearer {token}"),
            format!("GET /unknown/{number} HTTP/1.1"),
            format!("METHOD{number} / HTTP/1.1"),
        ] {
            request(address, &head, "").await;
        }
        let text = scrape(port).await;
        text.lines().filter(|line| line.starts_with("http_server_")).count()
    };
    let first = series(0).await;
    for number in 1..10 {
        assert_eq!(series(number).await, first);
    }
    let text = scrape(port).await;
    let requests = "http_server_request_duration_seconds_count";
    let known = r#"{method="GET",route="/api/v1/users/{user_id}",status="404"}"#;
    assert_eq!(value(&text, &format!("{requests}{known}")), "10");
    assert_eq!(value(&text, &format!(r#"{requests}{{method="GET",route="unmatched",status="404"}}"#)), "10");
    assert_eq!(value(&text, &format!(r#"{requests}{{method="other",route="/",status="405"}}"#)), "10");
}

/// Takes traces over OTLP/HTTP.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let collector = Self::default();
        let spans = Arc::clone(&collector.0);
        let receive = async move |body: Bytes| {
            let export = ExportTraceServiceRequest::decode(body).unwrap();
            let scopes = export.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/v1/traces", post(receive));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, address)
    }

    /// All spans, once there is one with this name.
    async fn spans(&self, name: &str) -> Vec<Span> {
        let received = async {
            loop {
                let spans = self.0.lock().unwrap().clone();
                if spans.iter().any(|span| span.name == name) {
                    return spans;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(TIMEOUT, received).await.unwrap_or_else(|_| panic!("no span {name}: {:#?}", self.0.lock().unwrap()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The spans below this one that are operations of the database.
fn statements(spans: &[Span], parent: &Span) -> usize {
    let below = spans.iter().filter(|span| span.parent_span_id == parent.span_id);
    below.filter(|span| span.name.starts_with("sea_orm")).count()
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}: {spans:#?}"))
}

/// Traces go to this endpoint soon, if the client asks for it.
fn traced(serve: &mut Command, endpoint: SocketAddr) -> Process {
    Process::spawn(serve.envs([
        ("APP__TELEMETRY__OTLP_ENDPOINT", format!("http://{endpoint}/")),
        ("APP__TELEMETRY__SAMPLE_RATIO", "0".to_owned()),
        ("APP__TELEMETRY__LOG_FORMAT", "json".to_owned()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
    ]))
}

#[tokio::test]
async fn trace_of_the_client_goes_on_in_the_request_and_the_log() {
    let (folder, database, (collector, endpoint)) =
        (folder(), TestDatabase::migrated().await, Collector::start().await);
    let mut process = traced(&mut command(folder.path(), &database, &["serve"]), endpoint);
    let address = process.address();
    // Not sampled, because the ratio is 0 and the client does not ask for it.
    assert_eq!(request(address, "GET / HTTP/1.1", "").await.status, 200);
    let form = "POST /token HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";
    let head = format!("{form}\r\ntraceparent: 00-{TRACE}-b7ad6b7169203331-01");
    request(address, &head, "username=admin%40example.com&password=changethis").await;

    let spans = collector.spans("POST /token").await;
    let server = named(&spans, "POST /token");
    assert_eq!(server.kind(), SpanKind::Server);
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "{spans:#?}");
    assert_eq!(hex(&server.parent_span_id), "b7ad6b7169203331");
    assert!(statements(&spans, server) > 0, "{spans:#?}");
    process.terminate();
    assert!(process.ended().await.success());
    let log = process.rest_of_log();
    let line = log.iter().find(|line| line.contains("request completed") && line.contains(TRACE));
    assert!(line.unwrap_or_else(|| panic!("{log:#?}")).contains(&hex(&server.span_id)));
}

// only with jobs
#[tokio::test]
async fn trace_of_a_request_goes_on_in_its_job_and_the_mail() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let (smtp, (collector, endpoint)) = (Smtp::start(Mood::Good).await, Collector::start().await);
    let mut serve = command(folder.path(), &database, &["serve"]);
    let mut process = traced(serve.env("SMTP_URL", smtp.url()), endpoint);
    let address = process.address();
    let recovery = "POST /api/v1/password-recovery/admin@example.com HTTP/1.1";
    let head = format!("{recovery}\r\ntraceparent: 00-{TRACE}-b7ad6b7169203331-01");
    assert_eq!(request(address, &head, "").await.status, 200);
    smtp.mails(1).await;

    // The spans come in the order in which they end.
    collector.spans("send mail").await;
    collector.spans("POST /api/v1/password-recovery/{email}").await;
    let spans = collector.spans("job email_token").await;
    assert!(spans.iter().all(|span| hex(&span.trace_id) == TRACE), "{spans:#?}");
    let job = named(&spans, "job email_token");
    assert_eq!(job.kind(), SpanKind::Consumer);
    assert_eq!(named(&spans, "send mail").parent_span_id, job.span_id);
    assert!(statements(&spans, named(&spans, "POST /api/v1/password-recovery/{email}")) > 0, "{spans:#?}");
    assert!(statements(&spans, job) > 0, "{spans:#?}");
    process.terminate();
    assert!(process.ended().await.success());
    let log = process.rest_of_log();
    assert!(log.iter().any(|line| line.contains("job done") && line.contains(TRACE)), "{log:#?}");
}

// only with jobs
#[tokio::test]
async fn scheduled_job_is_a_trace_of_its_own() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let db = database.connect().await;
    let now = Clock::system().now();
    schedule::enqueue_due(&db, now - TimeDelta::hours(2)).await.unwrap();
    assert_eq!(schedule::enqueue_due(&db, now).await.unwrap(), 1);
    let (collector, endpoint) = Collector::start().await;
    let mut worker = command(folder.path(), &database, &["worker"]);
    worker.env("APP__TELEMETRY__OTLP_ENDPOINT", format!("http://{endpoint}")).env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let _process = Process::spawn(&mut worker);
    let spans = collector.spans("job clean_up").await;
    let job = named(&spans, "job clean_up");
    assert_eq!(job.kind(), SpanKind::Consumer);
    assert!(job.parent_span_id.is_empty(), "{job:#?}");
}

// only with jobs
#[tokio::test]
async fn worker_without_traces_logs_no_field_of_a_trace() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let db = database.connect().await;
    let now = Clock::system().now();
    let transaction = begin_write(&db).await.unwrap();
    let id = queue::enqueue(&transaction, &Job::CleanUp, now).await.unwrap();
    transaction.commit().await.unwrap();
    let traceparent = Expr::value(format!("00-{TRACE}-b7ad6b7169203331-01"));
    job::Entity::update_many().col_expr(job::Column::Traceparent, traceparent).exec(&db).await.unwrap();
    let mut worker = command(folder.path(), &database, &["worker"]);
    let mut process = Process::spawn(worker.env("APP__TELEMETRY__LOG_FORMAT", "json"));
    let done = async {
        while queue::count(&db, Status::Done).await.unwrap() == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, done).await.expect("the job is done");
    process.terminate();
    assert!(process.ended().await.success());
    let log = process.rest_of_log();
    let line = log.iter().find(|line| line.contains("job done")).unwrap_or_else(|| panic!("{log:#?}"));
    assert!(line.contains(&id.to_string()), "{line}");
    assert!(!line.contains("otel") && !line.contains(TRACE), "{line}");
}

/// The driver asks whether a level is enabled without an event. With some filters the next event would be lost:
/// <https://github.com/tokio-rs/tracing/issues/2519>.
#[tokio::test]
async fn every_request_is_logged() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let mut process = Process::spawn(&mut command(folder.path(), &database, &["serve"]));
    let address = process.address();
    let token = log_in(address).await;
    let clients: Vec<_> = (0..5)
        .map(|_| {
            let head = format!(
                "PATCH /api/v1/users/me HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: Bearer {token}"
            );
            tokio::spawn(async move {
                for _ in 0..8 {
                    assert_eq!(request(address, &head, r#"{"age": 30}"#).await.status, 200);
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    process.terminate();
    assert!(process.ended().await.success());
    let log = process.rest_of_log();
    let logged = log.iter().filter(|line| line.contains("path=/api/v1/users/me") && line.contains("request completed"));
    assert_eq!(logged.count(), 40, "{log:#?}");
}

#[tokio::test]
async fn statements_of_background_tasks_are_no_traces() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let (collector, endpoint) = Collector::start().await;
    let mut serve = command(folder.path(), &database, &["serve"]);
    serve.env("APP__TELEMETRY__OTLP_ENDPOINT", format!("http://{endpoint}")).env("OTEL_BSP_SCHEDULE_DELAY", "100");
    let process = Process::spawn(&mut serve);
    log_in(process.address()).await;
    let spans = collector.spans("POST /token").await;
    let roots = spans.iter().filter(|span| span.parent_span_id.is_empty() && span.name.starts_with("sea_orm"));
    assert_eq!(roots.count(), 0, "{spans:#?}");
}

#[tokio::test]
async fn unreachable_collector_stops_neither_requests_nor_the_end() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let mut serve = command(folder.path(), &database, &["serve"]);
    let endpoint = format!("http://127.0.0.1:{}", free_port());
    let mut process = Process::spawn(serve.env("APP__TELEMETRY__OTLP_ENDPOINT", endpoint));
    log_in(process.address()).await;
    process.terminate();
    assert!(process.ended().await.success());
}
