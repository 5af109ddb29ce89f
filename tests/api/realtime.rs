//! `/ws` and `/events`, on a real server with real sockets.

mod ending;
mod events;
mod limits;
mod opening;
mod processes;

use futures_util::StreamExt;

use crate::permissions::{Permissions, row};
use crate::support::TestApp;
use crate::support::websocket::Chat;

#[tokio::test]
async fn message_reaches_every_client_of_the_room_and_its_sender() {
    let app = TestApp::start().await;
    let server = app.listen().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut ann = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    let mut bob = Chat::enter(server.address, bob.token.as_ref().unwrap(), "kitchen").await;
    for text in ["hello", "", "grüße 🫖", "\u{0}\r\n{\"a\": 1}"] {
        ann.say(text).await;
        assert_eq!(ann.hear().await, format!("Message: {text}"));
        assert_eq!(bob.hear().await, format!("Message: {text}"));
    }
    bob.say("hello back").await;
    assert_eq!(ann.hear().await, "Message: hello back");
}

/// On several threads, so that the message can overtake the handshake.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn message_right_after_the_handshake_is_delivered() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    for round in 0..500 {
        let room = round.to_string();
        let mut chat = Chat::enter(server.address, token, &room).await;
        app.state.hub.publish(&room, "hello");
        assert_eq!(chat.hear().await, "hello");
        chat.0.close(None).await.unwrap();
        while chat.0.next().await.is_some() {}
    }
}

#[tokio::test]
async fn room_is_told_when_a_client_disconnects() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut stays = Chat::enter(server.address, token, "kitchen").await;
    let mut elsewhere = Chat::enter(server.address, token, "hall").await;
    let mut polite = Chat::enter(server.address, token, "kitchen").await;
    polite.0.close(None).await.unwrap();
    assert_eq!(stays.hear().await, "A client disconnected");
    drop(Chat::enter(server.address, token, "kitchen").await);
    assert_eq!(stays.hear().await, "A client disconnected");
    elsewhere.hears_nothing().await;
}

#[tokio::test]
async fn rooms_are_separate_and_lobby_is_the_default() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let bearer = format!("Bearer {token}");
    let mut unnamed = Chat::open(server.address, "/ws", &[("authorization", &bearer)]).await.expect("it opens");
    let mut lobby = Chat::enter(server.address, token, "lobby").await;
    let mut kitchen = Chat::enter(server.address, token, "kitchen").await;
    unnamed.say("hello").await;
    assert_eq!(lobby.hear().await, "Message: hello");
    kitchen.hears_nothing().await;
}

#[tokio::test]
async fn concurrent_messages_arrive_whole_and_in_the_same_order() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let mut chats = Vec::new();
    for _ in 0..4 {
        chats.push(Chat::enter(server.address, token, "kitchen").await);
    }
    for round in 0..10 {
        for (speaker, chat) in chats.iter_mut().enumerate() {
            chat.say(&format!("{speaker} {round} {}", "x".repeat(10_000))).await;
        }
    }
    let mut orders = Vec::new();
    for chat in &mut chats {
        let mut heard = Vec::new();
        for _ in 0..40 {
            heard.push(chat.hear().await);
        }
        orders.push(heard);
    }
    for speaker in 0..4 {
        let count = orders[0].iter().filter(|text| text.starts_with(&format!("Message: {speaker} "))).count();
        assert_eq!(count, 10);
    }
    assert!(orders.iter().all(|order| *order == orders[0]));
}

#[tokio::test]
async fn idle_socket_outlives_request_timeouts() {
    let app = TestApp::with(|settings| {
        settings.server.header_timeout_seconds = 1;
        settings.server.body_timeout_seconds = 1;
        settings.server.request_timeout_seconds = 1;
        settings.websocket.ping_seconds = 600;
    })
    .await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let mut chat = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    tokio::time::sleep(std::time::Duration::from_millis(2500)).await;
    chat.say("still here").await;
    assert_eq!(chat.hear().await, "Message: still here");
}

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        // Without an upgrade 426 is all there is: the other tests open sockets.
        row("realtime-open_socket", "", [401, 426, 426, 426]),
        row("realtime-read_events", "", [401, 200, 200, 200]),
    ],
    placeholders: &[],
};
