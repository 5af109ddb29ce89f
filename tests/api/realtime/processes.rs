//! Several processes with one Redis.

use tokio::time::timeout;

use crate::support::TestApp;
use crate::support::proxy::cuttable;
use crate::support::redis::redis_url;
use crate::support::socket::TIMEOUT;
use crate::support::websocket::{Chat, Events};

/// A room of this test alone: other tests use the same Redis.
fn room() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Sends the text until the other client gets it: a process that was just started may not have subscribed yet.
async fn reaches(speaker: &mut Chat, listener: &mut Chat, text: &str) {
    let reached = async {
        loop {
            speaker.say(text).await;
            assert_eq!(speaker.hear().await, format!("Message: {text}"));
            let heard = timeout(std::time::Duration::from_millis(100), listener.hear());
            if let Ok(heard) = heard.await {
                assert_eq!(heard, format!("Message: {text}"));
                break;
            }
        }
    };
    timeout(TIMEOUT, reached).await.unwrap_or_else(|_| panic!("{text:?} does not arrive"));
}

#[tokio::test]
async fn message_reaches_the_clients_of_every_process_once() {
    let Some(redis) = redis_url() else { return };
    let app = TestApp::with(|settings| settings.redis.url = Some(redis.into())).await;
    let (here, there) = (app.listen().await, app.listen_elsewhere().await);
    let (ann, room) = (app.user("ann").await, room());
    let token = ann.token.as_ref().unwrap();
    let mut ann = Chat::enter(here.address, token, &room).await;
    let mut bob = Chat::enter(there.address, token, &room).await;
    let mut cid = Chat::enter(there.address, token, &format!("{room}-other")).await;
    reaches(&mut ann, &mut bob, "are you there").await;
    reaches(&mut bob, &mut ann, "yes").await;
    let mut events = Events::enter(there.address, token, &room).await;
    for n in 0..20 {
        ann.say(&format!("{n}\n a  b ")).await;
    }
    for n in 0..20 {
        let text = format!("Message: {n}\n a  b ");
        // The message that comes back from Redis is not delivered again.
        assert_eq!(ann.hear().await, text);
        assert_eq!(bob.hear().await, text);
        assert!(events.hear().await.starts_with(&format!("data: Message: {n}")));
    }
    cid.hears_nothing().await;
    drop(ann);
    assert_eq!(bob.hear().await, "A client disconnected");
}

#[tokio::test]
async fn services_with_another_redis_prefix_get_no_messages() {
    let Some(redis) = redis_url() else { return };
    let mut chats = Vec::new();
    let (prefix, room) = (room(), room());
    let mut apps = Vec::new();
    for prefix in [&prefix, &prefix, &format!("{prefix}-staging")] {
        let app = TestApp::with(|settings| {
            settings.redis.url = Some(redis.into());
            settings.redis.prefix.clone_from(prefix);
        })
        .await;
        let (server, ann) = (app.listen().await, app.user("ann").await);
        chats.push(Chat::enter(server.address, ann.token.as_ref().unwrap(), &room).await);
        apps.push((app, server));
    }
    let [production, same, staging] = &mut chats[..] else { panic!() };
    reaches(production, same, "hello").await;
    staging.hears_nothing().await;
}

#[tokio::test]
async fn redis_outage_limits_messages_to_their_process_until_it_is_back() {
    let Some(redis) = redis_url() else { return };
    let server = redis.strip_prefix("redis://").unwrap().trim_end_matches('/').to_owned();
    let (address, is_open) = cuttable(server).await;
    let app = TestApp::with(|settings| settings.redis.url = Some(format!("redis://{address}").into())).await;
    let (here, there) = (app.listen().await, app.listen_elsewhere().await);
    let (ann, room) = (app.user("ann").await, room());
    let token = ann.token.as_ref().unwrap();
    let mut ann = Chat::enter(here.address, token, &room).await;
    let mut next_to_her = Chat::enter(here.address, token, &room).await;
    let mut bob = Chat::enter(there.address, token, &room).await;
    reaches(&mut ann, &mut bob, "hello").await;
    while timeout(std::time::Duration::from_millis(100), next_to_her.hear()).await.is_ok() {}

    is_open.send_replace(false);
    for n in 0..100 {
        let before = std::time::Instant::now();
        ann.say(&format!("cut off {n}")).await;
        assert_eq!(ann.hear().await, format!("Message: cut off {n}"));
        assert_eq!(next_to_her.hear().await, format!("Message: cut off {n}"));
        assert!(before.elapsed() < std::time::Duration::from_millis(500), "{:?}", before.elapsed());
    }

    is_open.send_replace(true);
    // Messages of the outage are not delivered later.
    reaches(&mut ann, &mut bob, "back").await;
    reaches(&mut bob, &mut ann, "back here, too").await;
}

#[tokio::test]
async fn missing_redis_delays_no_message() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = TestApp::with(|settings| settings.redis.url = Some(format!("redis://{closed}").into())).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let mut chat = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    chat.say("hello").await;
    assert_eq!(chat.hear().await, "Message: hello");
}
