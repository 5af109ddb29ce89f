//! The server on a real socket: slow, silent and many clients, framing, and the shutdown.

mod framing;
mod stopping;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, get};
use hyper::body::Frame;
use keel::core::config::ServerSettings;
use keel::server::Readiness;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;

use crate::support::TestApp;
use crate::support::app::settings;
use crate::support::socket::{TIMEOUT, TestServer};

/// Settings whose timeouts no test reaches, except for those that it changes.
fn long_timeouts(change: impl FnOnce(&mut ServerSettings)) -> ServerSettings {
    let mut settings = settings().server;
    settings.header_timeout_seconds = 600;
    settings.body_timeout_seconds = 600;
    settings.shutdown_grace_seconds = 600;
    change(&mut settings);
    settings
}

async fn start(router: Router, change: impl FnOnce(&mut ServerSettings)) -> TestServer {
    TestServer::start(BoxCloneSyncService::new(router), long_timeouts(change), Readiness::default()).await
}

/// `/` responds at once. `/gate` reports in `entered` that its handler runs, and responds when the gate opens.
struct Gate {
    opened: Arc<Semaphore>,
    entered: mpsc::UnboundedReceiver<()>,
}

fn gated() -> (Router, Gate) {
    let opened = Arc::new(Semaphore::new(0));
    let (enter, entered) = mpsc::unbounded_channel();
    let gate = Arc::clone(&opened);
    let wait = async move || {
        enter.send(()).unwrap();
        gate.acquire().await.unwrap().forget();
        "through"
    };
    (Router::new().route("/", get(async || "hello")).route("/gate", any(wait)), Gate { opened, entered })
}

impl Gate {
    /// Waits until the handler runs.
    async fn entered(&mut self) {
        timeout(TIMEOUT, self.entered.recv()).await.expect("the handler runs").unwrap();
    }

    /// Whether the handler has ended.
    fn is_passed(&self) -> bool {
        self.opened.available_permits() == 0
    }

    fn open(&self) {
        self.opened.add_permits(1);
    }
}

#[tokio::test]
async fn client_that_sends_nothing_is_dropped() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    assert!(server.connect().await.closed().await.is_empty());
}

#[tokio::test]
async fn client_that_stops_within_its_headers_is_dropped() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: testserver\r\nX-Slow: ").await;
    assert!(!client.closed().await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn headers_that_trickle_in_are_dropped_after_the_header_timeout() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    let trickle = async {
        client.send("GET / HTTP/1.1\r\nHost: testserver\r\nX-Slow: ").await;
        // Ends when the server has closed the connection.
        while tokio::io::AsyncWriteExt::write_all(&mut client.0, b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TIMEOUT, trickle).await.expect("the connection is closed");
}

#[tokio::test]
async fn idle_connection_is_closed_after_the_header_timeout() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.body, b"hello");
    }
    assert!(client.closed().await.is_empty());
}

#[tokio::test]
async fn header_timeout_starts_again_with_every_request() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 2).await;
    let mut client = server.connect().await;
    // All requests together take longer than the timeout.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(client.get("/").await.body, b"hello");
    }
}

#[tokio::test]
async fn slow_clients_do_not_delay_others() {
    let server = start(gated().0, |_| {}).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\n").await;
        slow.push(client);
    }
    assert_eq!(server.connect().await.get("/").await.status, 200);
}

/// An endless body that reports when it is dropped.
struct Endless(mpsc::UnboundedSender<()>);

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 16 * 1024])))))
    }
}

#[tokio::test]
async fn client_that_never_reads_its_response_is_dropped() {
    let (end, mut dropped) = mpsc::unbounded_channel();
    let router = Router::new().route("/", get(async move || Body::new(Endless(end))));
    let server = start(router, |settings| settings.body_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    timeout(TIMEOUT, dropped.recv()).await.expect("the response is dropped").unwrap();
}

#[tokio::test]
async fn connection_over_the_limit_waits() {
    let (router, mut gate) = gated();
    let server = start(router, |settings| settings.max_connections = 1).await;
    let mut first = server.connect().await;
    first.send("GET /gate HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n").await;
    gate.entered().await;

    let mut second = server.connect().await;
    second.send("GET / HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    let early = timeout(Duration::from_millis(200), second.0.readable()).await;
    assert!(early.is_err(), "no response before the first connection is closed");

    gate.open();
    assert_eq!(first.response().await.body, b"through");
    assert!(first.closed().await.is_empty());
    assert_eq!(second.response().await.body, b"hello");
}

#[tokio::test]
async fn client_that_disconnects_frees_its_connection() {
    let (router, mut gate) = gated();
    let server = start(router, |settings| settings.max_connections = 1).await;
    let mut first = server.connect().await;
    first.send("GET /gate HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    gate.entered().await;
    drop(first);
    assert_eq!(server.connect().await.get("/").await.body, b"hello");
}

#[tokio::test]
async fn body_that_does_not_arrive_in_time_is_a_408_and_the_connection_is_closed() {
    let app = TestApp::with(|settings| settings.server.body_timeout_seconds = 1).await;
    let server = app.listen().await;
    let mut client = server.connect().await;
    let head = "POST /token HTTP/1.1\r\nHost: testserver\r\nContent-Type: application/x-www-form-urlencoded";
    client.send(format!("{head}\r\nContent-Length: 99\r\n\r\nusername=")).await;
    assert_eq!(client.response().await.status, 408);
    assert!(client.closed().await.is_empty());
}
