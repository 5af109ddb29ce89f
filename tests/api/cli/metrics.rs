//! Metrics of real processes.

use std::net::TcpListener;
// only with jobs
use std::time::Duration;

// only with jobs
use tokio::time::{sleep, timeout};

use super::serve::{Process, log_in, request};
use super::{command, folder};
use crate::support::database::TestDatabase;
// only with jobs
use crate::support::socket::TIMEOUT;

/// A port that nothing listens on.
pub(super) fn free_port() -> u16 {
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
