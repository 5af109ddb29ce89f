//! Limits of WebSockets and events.

use std::time::Duration;

use axum::http::StatusCode;
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;

use crate::support::TestApp;
use crate::support::socket::TIMEOUT;
use crate::support::websocket::{Chat, Events};

#[tokio::test]
async fn message_over_the_limit_closes_the_socket_with_1009() {
    let app = TestApp::with(|settings| settings.websocket.max_message_bytes = 1000).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    let longest = "x".repeat(1000);
    chat.say(&longest).await;
    assert_eq!(chat.hear().await, format!("Message: {longest}"));
    chat.say(&"x".repeat(1001)).await;
    assert_eq!(chat.closed().await, (1009, "message too large".to_owned()));

    // Far over the limit: data on its way must not reset the connection.
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    let _ = chat.0.send(Message::text("x".repeat(5_000_000))).await;
    assert_eq!(chat.closed().await.0, 1009);

    // In fragments that are small enough.
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    let piece = [&[0x01, 0xfe, 0x02, 0x58, 0, 0, 0, 0][..], &[b'x'; 600]].concat();
    let last = [&[0x80, 0xfe, 0x02, 0x58, 0, 0, 0, 0][..], &[b'x'; 600]].concat();
    chat.0.get_mut().write_all(&[piece, last].concat()).await.unwrap();
    assert_eq!(chat.closed().await.0, 1009);
}

#[tokio::test]
async fn invalid_frames_close_the_socket() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    chat.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(chat.closed().await, (1003, "only text messages are supported".to_owned()));

    // Invalid UTF-8, no mask, a reserved bit, a continuation without a start, an unknown opcode.
    let frames: [(&[u8], u16); 5] = [
        (&[0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28], 1007),
        (&[0x81, 0x01, b'x'], 1002),
        (&[0xc1, 0x81, 0, 0, 0, 0, b'x'], 1002),
        (&[0x80, 0x81, 0, 0, 0, 0, b'x'], 1002),
        (&[0x83, 0x81, 0, 0, 0, 0, b'x'], 1002),
    ];
    for (frame, code) in frames {
        let mut chat = Chat::enter(server.address, token, "kitchen").await;
        chat.0.get_mut().write_all(frame).await.unwrap();
        assert_eq!(chat.closed().await.0, code, "{frame:?}");
    }
}

#[tokio::test]
async fn too_many_messages_close_the_socket_with_1008() {
    let app = TestApp::with(|settings| settings.websocket.messages_per_second = 5).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    for _ in 0..10 {
        chat.say("x").await;
        chat.hear().await;
    }
    for _ in 0..3 {
        chat.say("x").await;
    }
    assert_eq!(chat.closed().await, (1008, "too many messages".to_owned()));

    let mut pings = Chat::enter(server.address, token, "kitchen").await;
    for _ in 0..13 {
        pings.0.feed(Message::Ping(vec![].into())).await.unwrap();
    }
    pings.0.flush().await.unwrap();
    assert_eq!(pings.closed().await.0, 1008);
}

#[tokio::test]
async fn socket_without_pongs_is_closed_with_1011() {
    let app = TestApp::with(|settings| settings.websocket.ping_seconds = 1).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let before = Instant::now();
    let mut responsive = Chat::enter(server.address, token, "kitchen").await;
    let mut silent = Chat::enter(server.address, token, "kitchen").await;
    // It sends a message, but no pong.
    silent.say("hello").await;
    assert_eq!(responsive.hear().await, "Message: hello");
    // The library responds to pings while it waits.
    assert_eq!(responsive.hear().await, "A client disconnected");
    let waited = before.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
    responsive.say("still here").await;
    assert_eq!(responsive.hear().await, "Message: still here");
    assert_eq!(silent.closed().await, (1011, "ping timeout".to_owned()));
}

#[tokio::test]
async fn client_that_does_not_read_is_closed_and_delays_no_others() {
    let app = TestApp::with(|settings| {
        settings.websocket.queue_messages = 8;
        settings.websocket.messages_per_second = 10_000;
        settings.websocket.ping_seconds = 600;
    })
    .await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut speaker = Chat::enter(server.address, token, "kitchen").await;
    let mut reader = Chat::enter(server.address, token, "kitchen").await;
    let mut stuck = Chat::enter(server.address, token, "kitchen").await;
    let stuck_events = Events::enter(server.address, token, "kitchen").await;
    let text = "x".repeat(60_000);
    let mut longest = Duration::ZERO;
    // Until the system's buffers and the queues of those that do not read are full.
    let filled = async {
        loop {
            let before = Instant::now();
            speaker.say(&text).await;
            let heard = reader.hear().await;
            longest = longest.max(before.elapsed());
            assert_eq!(heard, speaker.hear().await);
            if heard == "A client disconnected" {
                break;
            }
            assert_eq!(heard.len(), text.len() + "Message: ".len());
        }
    };
    // Megabytes, which take a while on a busy machine.
    timeout(TIMEOUT * 4, filled).await.expect("the connection is closed");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    // Messages written before, and then the reason or a connection that is cut off.
    let rest = async {
        while let Some(Ok(message)) = stuck.0.next().await {
            if let Message::Close(frame) = message {
                assert_eq!(u16::from(frame.unwrap().code), 1013);
            }
        }
    };
    timeout(TIMEOUT, rest).await.expect("the connection ends");
    let received = stuck_events.ended().await;
    assert!(received.ends_with("event: close\ndata: 1013 client too slow\n\n\r\n0\r\n\r\n"));
}

#[tokio::test]
async fn many_disconnects_at_once_close_no_other_connection() {
    let app = TestApp::with(|settings| {
        settings.websocket.queue_messages = 8;
        settings.websocket.max_connections_per_user = 100;
    })
    .await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut stays = Chat::enter(server.address, token, "kitchen").await;
    let mut leave = Vec::new();
    for _ in 0..60 {
        leave.push(Chat::enter(server.address, token, "kitchen").await);
    }
    drop(leave);
    let closed = async {
        while app.state.hub.connections() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, closed).await.expect("the connections are closed");
    stays.say("still here").await;
    let mut heard = stays.hear().await;
    assert_eq!(heard, "A client disconnected");
    while heard == "A client disconnected" {
        heard = stays.hear().await;
    }
    assert_eq!(heard, "Message: still here");
}

#[tokio::test]
async fn connections_of_one_user_are_limited() {
    let app = TestApp::with(|settings| settings.websocket.max_connections_per_user = 2).await;
    let server = app.listen().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let token = ann.token.as_ref().unwrap();
    let bearer = format!("Bearer {token}");
    let first = Chat::enter(server.address, token, "kitchen").await;
    let _events = Events::enter(server.address, token, "hall").await;
    assert_eq!(Chat::open(server.address, "/ws", &[("authorization", &bearer)]).await.err(), Some(429));
    let refused = ann.get("/events").await;
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.error(StatusCode::TOO_MANY_REQUESTS), "Too many open connections");
    Chat::enter(server.address, bob.token.as_ref().unwrap(), "kitchen").await;
    // A connection that ends frees its slot.
    drop(first);
    let again = async {
        while Chat::open(server.address, "/ws", &[("authorization", &bearer)]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, again).await.expect("a slot is free again");
}

#[tokio::test]
async fn connections_of_all_users_are_limited() {
    let app = TestApp::with(|settings| settings.websocket.max_connections = 1).await;
    let server = app.listen().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let _first = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    let refused = bob.get("/events").await;
    assert_eq!(refused.header("retry-after"), "1");
    refused.error(StatusCode::SERVICE_UNAVAILABLE);
    let bearer = format!("Bearer {}", bob.token.as_ref().unwrap());
    assert_eq!(Chat::open(server.address, "/ws", &[("authorization", &bearer)]).await.err(), Some(503));
}

#[tokio::test]
async fn open_socket_takes_no_slot_of_server_max_connections() {
    let app = TestApp::with(|settings| settings.server.max_connections = 1).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let mut chat = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    assert_eq!(server.connect().await.get("/health/live").await.status, 200);
    chat.say("still here").await;
    assert_eq!(chat.hear().await, "Message: still here");
}
