//! Sockets that end with their session or with the process.

use std::time::Duration;

use axum::http::StatusCode;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::support::app::PASSWORD;
use crate::support::socket::TestServer;
use crate::support::websocket::{Chat, Events};
use crate::support::{Client, TestApp};

/// The time in which every process notices the end of a session.
const NOTICED: Duration = Duration::from_secs(5);

/// A socket here, one on another process, and a stream of events.
struct Open {
    sockets: [Chat; 2],
    events: Events,
}

impl Open {
    async fn of(client: &Client, servers: &[TestServer; 2]) -> Self {
        let token = client.token.as_ref().unwrap();
        let [here, there] = servers.each_ref().map(|server| server.address);
        Self {
            sockets: [Chat::enter(here, token, "kitchen").await, Chat::enter(there, token, "hall").await],
            events: Events::enter(there, token, "cellar").await,
        }
    }

    async fn are_closed(mut self) {
        let closed = async {
            for chat in &mut self.sockets {
                assert_eq!(chat.closed().await, (1008, "session expired".to_owned()));
            }
            let received = self.events.ended().await;
            assert!(received.contains("event: close\ndata: 1008 session expired\n"), "{received}");
        };
        timeout(NOTICED, closed).await.expect("it is noticed in time");
    }
}

async fn two(app: &TestApp) -> [TestServer; 2] {
    [app.listen().await, app.listen_elsewhere().await]
}

#[tokio::test]
async fn logout_closes_the_connections_of_its_session_alone_on_every_process() {
    let app = TestApp::start().await;
    let (servers, ann, bob) = (two(&app).await, app.user("ann").await, app.user("bob").await);
    let token: Value = app.log_in("ann", PASSWORD).await.ok();
    let other_session = app.bearer(token["access_token"].as_str().unwrap());
    let open = Open::of(&ann, &servers).await;
    let mut others = Vec::new();
    for (client, room) in [(&other_session, "attic"), (&bob, "garden")] {
        others.push(Chat::enter(servers[0].address, client.token.as_ref().unwrap(), room).await);
    }
    ann.post("/logout", json!({})).await.is_no_content();
    open.are_closed().await;
    for chat in &mut others {
        chat.say("still here").await;
        assert_eq!(chat.hear().await, "Message: still here");
    }
}

#[tokio::test]
async fn every_end_of_a_session_closes_its_connections() {
    let app = TestApp::start().await;
    let (servers, root) = (two(&app).await, app.superuser("root").await);

    let ann = app.user("ann").await;
    let open = Open::of(&ann, &servers).await;
    ann.post("/logout/all", json!({})).await.is_no_content();
    open.are_closed().await;

    let bob = app.user("bob").await;
    let open = Open::of(&bob, &servers).await;
    let token: Value = app.log_in("bob", PASSWORD).await.ok();
    let change = json!({ "current_password": PASSWORD, "new_password": "kettle with a lid" });
    let other = app.bearer(token["access_token"].as_str().unwrap());
    other.patch("/users/me/password", change).await.expect(StatusCode::OK);
    open.are_closed().await;

    let cid = app.user("cid").await;
    let open = Open::of(&cid, &servers).await;
    root.patch(&format!("/users/{}", cid.id()), json!({ "is_active": false })).await.expect(StatusCode::OK);
    open.are_closed().await;

    let dan = app.user("dan").await;
    let open = Open::of(&dan, &servers).await;
    root.delete(&format!("/users/{}", dan.id())).await.is_no_content();
    open.are_closed().await;
}

#[tokio::test]
async fn socket_is_closed_when_its_token_expires() {
    let app = TestApp::with(|settings| settings.auth.access_token_seconds = 600).await;
    let (servers, ann) = (two(&app).await, app.user("ann").await);
    let ticket: Value = ann.post("/ws/ticket", json!({})).await.ok();
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let mut by_ticket = Chat::open(servers[0].address, &path, &[]).await.expect("it opens");
    let open = Open::of(&ann, &servers).await;
    app.travel(TimeDelta::seconds(590));
    by_ticket.say("still here").await;
    assert_eq!(by_ticket.hear().await, "Message: still here");
    app.travel(TimeDelta::seconds(10));
    open.are_closed().await;
    assert_eq!(by_ticket.closed().await.0, 1008);
}

#[tokio::test]
async fn logout_on_the_same_process_closes_sockets_at_once() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let mut chat = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    let before = Instant::now();
    ann.post("/logout", json!({})).await.is_no_content();
    chat.closed().await;
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
}

#[tokio::test]
async fn shutdown_closes_every_connection_with_1001_and_waits_for_it() {
    let app = TestApp::with(|settings| settings.server.shutdown_grace_seconds = 600).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    let events = Events::enter(server.address, token, "kitchen").await;
    // It never reads.
    let _silent = Chat::enter(server.address, token, "kitchen").await;
    server.signal();
    assert_eq!(chat.closed().await, (1001, "server shutting down".to_owned()));
    let received = events.ended().await;
    assert!(received.contains("event: close\ndata: 1001 server shutting down\n"), "{received}");
    let before = Instant::now();
    server.ended().await;
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert!(app.state.hub.sessions().is_empty());
}

#[tokio::test]
async fn draining_process_keeps_sockets_open() {
    let app = TestApp::with(|settings| settings.server.drain_delay_seconds = 600).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let mut chat = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    server.signal();
    let drained = async {
        while !app.state.readiness.is_draining() {
            tokio::task::yield_now().await;
        }
    };
    timeout(NOTICED, drained).await.expect("the process drains");
    chat.say("still here").await;
    assert_eq!(chat.hear().await, "Message: still here");
    server.signal();
    server.ended().await;
}
