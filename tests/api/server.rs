//! The server on a real socket: what it does with clients that are slow, silent, rude or many, and how
//! it ends.

mod stopping;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use hyper::body::Frame;
use keel::core::config::ServerSettings;
use keel::server::Readiness;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;

use crate::support::app::settings;
use crate::support::socket::{TIMEOUT, TestServer};

/// Settings under which nothing but what a test changes comes to its end in the time of a test.
fn patient(change: impl FnOnce(&mut ServerSettings)) -> ServerSettings {
    let mut settings = settings().server;
    settings.header_timeout_seconds = 600;
    settings.body_timeout_seconds = 600;
    settings.shutdown_grace_seconds = 600;
    change(&mut settings);
    settings
}

async fn start(router: Router, change: impl FnOnce(&mut ServerSettings)) -> TestServer {
    TestServer::start(BoxCloneSyncService::new(router), patient(change), Readiness::default()).await
}

/// `/` answers at once; `/gate` says in `entered` that it was asked, and answers when the gate opens.
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
    (Router::new().route("/", get(async || "hello")).route("/gate", get(wait)), Gate { opened, entered })
}

impl Gate {
    /// Until somebody stands at the gate.
    async fn entered(&mut self) {
        timeout(TIMEOUT, self.entered.recv()).await.expect("the handler runs").unwrap();
    }

    fn open(&self) {
        self.opened.add_permits(1);
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_dropped() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    assert!(server.connect().await.closed().await.is_empty());
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_the_head_is_dropped() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: testserver\r\nX-Slow: ").await;
    assert!(!client.closed().await.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn a_head_that_trickles_has_the_same_time_as_any() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    let trickle = async {
        client.send("GET / HTTP/1.1\r\nHost: testserver\r\nX-Slow: ").await;
        // Ends when the server has closed the connection, and not before.
        while tokio::io::AsyncWriteExt::write_all(&mut client.0, b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(TIMEOUT, trickle).await.expect("the connection is closed");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_but_not_for_ever() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    for _ in 0..3 {
        assert_eq!(client.get("/").await.body, b"hello");
    }
    assert!(client.closed().await.is_empty());
}

#[tokio::test]
async fn every_request_of_a_connection_has_the_whole_time() {
    let server = start(gated().0, |settings| settings.header_timeout_seconds = 2).await;
    let mut client = server.connect().await;
    // Longer than the time of one request, all together; each alone far from it.
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert_eq!(client.get("/").await.body, b"hello");
    }
}

#[tokio::test]
async fn slow_clients_do_not_hold_up_the_others() {
    let server = start(gated().0, |_| {}).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\n").await;
        slow.push(client);
    }
    assert_eq!(server.connect().await.get("/").await.status, 200);
}

/// A body without end, which tells when it is given up.
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
async fn a_client_that_never_reads_its_answer_is_dropped() {
    let (end, mut given_up) = mpsc::unbounded_channel();
    let router = Router::new().route("/", get(async move || Body::new(Endless(end))));
    let server = start(router, |settings| settings.body_timeout_seconds = 1).await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    timeout(TIMEOUT, given_up.recv()).await.expect("the answer is given up").unwrap();
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_its_turn() {
    let (router, mut gate) = gated();
    let server = start(router, |settings| settings.max_connections = 1).await;
    let mut first = server.connect().await;
    first.send("GET /gate HTTP/1.1\r\nHost: testserver\r\nConnection: close\r\n\r\n").await;
    gate.entered().await;

    let mut second = server.connect().await;
    second.send("GET / HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    let early = timeout(Duration::from_millis(200), second.0.readable()).await;
    assert!(early.is_err(), "nothing is said before the first one has gone");

    gate.open();
    assert_eq!(first.answer().await.body, b"through");
    assert!(first.closed().await.is_empty());
    assert_eq!(second.answer().await.body, b"hello");
}

#[tokio::test]
async fn a_client_that_goes_away_makes_room() {
    let (router, mut gate) = gated();
    let server = start(router, |settings| settings.max_connections = 1).await;
    let mut first = server.connect().await;
    first.send("GET /gate HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    gate.entered().await;
    drop(first);
    assert_eq!(server.connect().await.get("/").await.body, b"hello");
}
