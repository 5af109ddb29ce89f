//! `/events`

use std::time::Duration;

use crate::support::TestApp;
use crate::support::websocket::{Chat, Events};

#[tokio::test]
async fn messages_of_the_room_arrive_as_events() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut events = Events::enter(server.address, token, "kitchen").await;
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    chat.say("hello").await;
    assert_eq!(events.hear().await, "data: Message: hello");
    // A message of several lines is one event. A client joins the fields with LF.
    chat.say("one\ntwo\r\n\rthree").await;
    let lines = events.until("three\n\n").await;
    assert!(lines.contains("data: Message: one\ndata: two\ndata: \ndata: three\n\n"), "{lines}");
    drop(chat);
    assert_eq!(events.hear().await, "data: A client disconnected");
}

#[tokio::test]
async fn events_are_neither_buffered_compressed_nor_cached() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let headers = format!("Authorization: Bearer {token}\r\nAccept-Encoding: gzip, br\r\n");
    let (mut events, head) = Events::open(server.address, "/events", &headers).await;
    let has = |line: &str| assert!(head.contains(line), "{line}: {head}");
    has("\r\ncontent-type: text/event-stream\r\n");
    has("\r\ncache-control: no-store\r\n");
    has("\r\nx-accel-buffering: no\r\n");
    assert!(!head.contains("content-encoding"), "{head}");
    let mut chat = Chat::enter(server.address, token, "lobby").await;
    for text in ["one", "two"] {
        chat.say(text).await;
        assert_eq!(events.hear().await, format!("data: Message: {text}"));
    }
}

#[tokio::test]
async fn events_outlive_request_timeouts_and_send_keep_alives() {
    let app = TestApp::with(|settings| {
        settings.server.header_timeout_seconds = 1;
        settings.server.body_timeout_seconds = 1;
        settings.server.request_timeout_seconds = 1;
        settings.websocket.ping_seconds = 1;
    })
    .await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let mut events = Events::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    for _ in 0..3 {
        events.until(":\n\n").await;
    }
    app.state.hub.publish("kitchen", "from the service itself");
    assert_eq!(events.hear().await, "data: from the service itself");
}

#[tokio::test]
async fn listener_that_disconnects_is_forgotten_without_a_message() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    drop(Events::enter(server.address, token, "kitchen").await);
    chat.hears_nothing().await;
    let forgotten = async {
        // It is noticed at the next write at the latest.
        while app.state.hub.connections() > 1 {
            app.state.hub.publish("kitchen", "x");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::support::socket::TIMEOUT, forgotten).await.expect("the listener is forgotten");
}
