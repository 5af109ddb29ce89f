//! The shutdown.

use axum::http::StatusCode;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{gated, long_timeouts, start};
use crate::support::TestApp;
use crate::support::socket::{Socket, TIMEOUT, TestServer};

/// Waits until connections are refused.
async fn refuses_connections(server: &TestServer) {
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, refused).await.expect("connections are refused");
}

async fn at_the_gate(server: &TestServer) -> Socket {
    let mut client = server.connect().await;
    client.send("GET /gate HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    client
}

#[tokio::test]
async fn draining_process_is_not_ready_and_still_serves() {
    let app = TestApp::start().await;
    let settings = long_timeouts(|settings| settings.drain_delay_seconds = 600);
    let server = TestServer::start(app.app.clone(), settings, app.state.readiness.clone()).await;
    assert_eq!(server.connect().await.get("/health/ready").await.status, 200);
    server.signal();
    let drained = async {
        while !app.state.readiness.is_draining() {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, drained).await.expect("the process drains");
    let response = server.connect().await.get("/health/ready").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE.as_u16());
    assert!(response.header("retry-after").is_some());
    assert_eq!(server.connect().await.get("/health/live").await.status, 200);
    assert_eq!(server.connect().await.get("/").await.status, 200);
}

#[tokio::test]
async fn draining_process_closes_each_connection_with_its_next_response() {
    let (router, _gate) = gated();
    let server = start(router, |settings| settings.drain_delay_seconds = 600).await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.header("connection"), None);
    server.signal();
    let closed = async {
        while client.get("/").await.header("connection") != Some("close") {
            tokio::task::yield_now().await;
        }
    };
    timeout(TIMEOUT, closed).await.expect("a response closes the connection");
    client.closed().await;
}

#[tokio::test]
async fn first_request_of_a_new_connection_gets_its_response() {
    let (router, mut gate) = gated();
    let server = start(router, |_| {}).await;
    let mut waiting = at_the_gate(&server).await;
    gate.entered().await;
    let mut new = server.connect().await;
    server.signal();
    refuses_connections(&server).await;
    let response = new.get("/").await;
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    gate.open();
    assert_eq!(waiting.response().await.status, 200);
    server.ended().await;
}

#[tokio::test]
async fn write_whose_client_has_left_is_completed() {
    let (router, mut gate) = gated();
    let server = start(router, |_| {}).await;
    let mut client = server.connect().await;
    client.send("POST /gate HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    gate.entered().await;
    drop(client);
    server.signal();
    refuses_connections(&server).await;
    gate.open();
    server.ended().await;
    assert!(gate.is_passed(), "the handler has ended");
}

#[tokio::test]
async fn request_in_flight_gets_its_response() {
    let (router, mut gate) = gated();
    let server = start(router, |_| {}).await;
    let mut client = at_the_gate(&server).await;
    gate.entered().await;
    server.signal();
    refuses_connections(&server).await;
    gate.open();
    let response = client.response().await;
    assert_eq!((response.body.as_slice(), response.header("connection")), (&b"through"[..], Some("close")));
    server.ended().await;
}

#[tokio::test]
async fn idle_connections_are_closed_at_once() {
    let server = start(gated().0, |_| {}).await;
    let mut used = server.connect().await;
    assert_eq!(used.get("/").await.status, 200);
    let unused = server.connect().await;
    // Connections are accepted in order: once this one is served, the one before it was accepted.
    assert_eq!(server.connect().await.get("/").await.status, 200);
    server.signal();
    server.ended().await;
    assert!(used.closed().await.is_empty() && unused.closed().await.is_empty());
}

#[tokio::test]
async fn stalled_handler_delays_the_end_for_the_grace_period_only() {
    let (router, mut gate) = gated();
    let server = start(router, |settings| settings.shutdown_grace_seconds = 1).await;
    let _client = at_the_gate(&server).await;
    gate.entered().await;
    server.signal();
    server.ended().await;
}

#[tokio::test]
async fn stalled_client_delays_the_end_for_the_grace_period_only() {
    let server = start(gated().0, |settings| settings.shutdown_grace_seconds = 1).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: ").await;
    assert_eq!(server.connect().await.get("/").await.status, 200);
    server.signal();
    server.ended().await;
}

#[tokio::test]
async fn second_signal_ends_the_grace_period() {
    let (router, mut gate) = gated();
    let server = start(router, |_| {}).await;
    let _client = at_the_gate(&server).await;
    gate.entered().await;
    server.signal();
    refuses_connections(&server).await;
    server.signal();
    server.ended().await;
}

#[tokio::test]
async fn second_signal_ends_the_drain_delay_and_the_grace_period() {
    let (router, mut gate) = gated();
    let server = start(router, |settings| settings.drain_delay_seconds = 600).await;
    let _client = at_the_gate(&server).await;
    gate.entered().await;
    server.signal();
    server.signal();
    server.ended().await;
}

#[tokio::test]
async fn server_at_its_connection_limit_stops() {
    let (router, mut gate) = gated();
    let server = start(router, |settings| settings.max_connections = 1).await;
    let mut client = at_the_gate(&server).await;
    gate.entered().await;
    let _waiting = server.connect().await;
    server.signal();
    gate.open();
    assert_eq!(client.response().await.body, b"through");
    server.ended().await;
}
