//! Traces and logs of real processes.

use std::net::SocketAddr;
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

use super::metrics::free_port;
use super::serve::{Process, log_in, request};
use super::{command, folder};
use crate::support::database::TestDatabase;
use crate::support::smtp::{Mood, Smtp};
use crate::support::socket::TIMEOUT;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

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
