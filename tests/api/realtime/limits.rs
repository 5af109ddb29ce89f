//! What a client may do, and how much of it.

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
async fn a_message_over_the_limit_closes_the_socket_with_1009() {
    let app = TestApp::with(|settings| settings.websocket.max_message_bytes = 1000).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    let longest = "x".repeat(1000);
    chat.say(&longest).await;
    assert_eq!(chat.hear().await, format!("Message: {longest}"));
    chat.say(&"x".repeat(1001)).await;
    assert_eq!(chat.closed().await, (1009, "the message is too large".to_owned()));

    // Far over it: what is still on its way must not reset the connection.
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    let _ = chat.0.send(Message::text("x".repeat(5_000_000))).await;
    assert_eq!(chat.closed().await.0, 1009);

    // In pieces, each of them small enough.
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    let piece = [&[0x01, 0xfe, 0x02, 0x58, 0, 0, 0, 0][..], &[b'x'; 600]].concat();
    let last = [&[0x80, 0xfe, 0x02, 0x58, 0, 0, 0, 0][..], &[b'x'; 600]].concat();
    chat.0.get_mut().write_all(&[piece, last].concat()).await.unwrap();
    assert_eq!(chat.closed().await.0, 1009);
}

#[tokio::test]
async fn what_is_no_text_closes_the_socket() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chat = Chat::enter(server.address, token, "kitchen").await;
    chat.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(chat.closed().await, (1003, "only text is taken".to_owned()));

    // Frames that no library sends: text that is no UTF-8, one without a mask, one with a bit that means nothing, a
    // continuation of nothing, an unknown kind.
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
async fn who_says_too_much_is_closed_with_1008() {
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
async fn who_does_not_answer_a_ping_is_closed_and_who_does_stays() {
    let app = TestApp::with(|settings| settings.websocket.ping_seconds = 1).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let before = Instant::now();
    let mut answers = Chat::enter(server.address, token, "kitchen").await;
    let mut silent = Chat::enter(server.address, token, "kitchen").await;
    // It says something, but never answers.
    silent.say("hello").await;
    assert_eq!(answers.hear().await, "Message: hello");
    // The library answers pings while it waits.
    assert_eq!(answers.hear().await, "A client disconnected");
    let waited = before.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(6)).contains(&waited), "{waited:?}");
    answers.say("still here").await;
    assert_eq!(answers.hear().await, "Message: still here");
    assert_eq!(silent.closed().await, (1011, "no answer to a ping".to_owned()));
}

#[tokio::test]
async fn who_does_not_read_is_closed_and_delays_nobody() {
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
    // Until what the system keeps for those who do not read is full, and their queues are.
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
    timeout(TIMEOUT, filled).await.expect("it is closed");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    // What had been written before, and then the reason or a connection that is cut off.
    let rest = async {
        while let Some(Ok(message)) = stuck.0.next().await {
            if let Message::Close(frame) = message {
                assert_eq!(u16::from(frame.unwrap().code), 1013);
            }
        }
    };
    timeout(TIMEOUT, rest).await.expect("the connection ends");
    let said = stuck_events.ended().await;
    assert!(said.ends_with("event: close\ndata: 1013 too slow for what is said\n\n\r\n0\r\n\r\n"));
}

/// Who stays is not to blame for how many leave.
#[tokio::test]
async fn many_who_leave_at_once_do_not_take_the_others_along() {
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
    let gone = async {
        while app.state.hub.connections() > 1 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, gone).await.expect("they are gone");
    stays.say("still here").await;
    let mut heard = stays.hear().await;
    assert_eq!(heard, "A client disconnected");
    while heard == "A client disconnected" {
        heard = stays.hear().await;
    }
    assert_eq!(heard, "Message: still here");
}

#[tokio::test]
async fn a_user_has_only_so_many_connections_open() {
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
    // Who leaves makes room.
    drop(first);
    let again = async {
        while Chat::open(server.address, "/ws", &[("authorization", &bearer)]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, again).await.expect("there is room again");
}

#[tokio::test]
async fn all_together_have_only_so_many_connections_open() {
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
async fn an_open_socket_takes_one_of_the_servers_connections() {
    let app = TestApp::with(|settings| settings.server.max_connections = 1).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let chat = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    let mut second = server.connect().await;
    second.send("GET /health/live HTTP/1.1\r\nHost: testserver\r\n\r\n").await;
    let early = timeout(Duration::from_millis(200), second.0.readable()).await;
    assert!(early.is_err(), "nothing is said before the socket is closed");
    drop(chat);
    assert_eq!(second.answer().await.status, 200);
}
