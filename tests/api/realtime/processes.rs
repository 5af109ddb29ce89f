//! Several processes, and the Redis between them.

use tokio::time::timeout;

use crate::support::TestApp;
use crate::support::proxy::cuttable;
use crate::support::redis::redis_url;
use crate::support::socket::TIMEOUT;
use crate::support::websocket::{Chat, Events};

/// Redis is there for other tests as well.
fn room() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Says it until the other one hears it: a process that was just started is about to listen.
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
async fn what_is_said_on_one_process_is_heard_once_on_every_other() {
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
        let said = format!("Message: {n}\n a  b ");
        // What comes back from Redis is not said a second time.
        assert_eq!(ann.hear().await, said);
        assert_eq!(bob.hear().await, said);
        assert!(events.hear().await.starts_with(&format!("data: Message: {n}")));
    }
    cid.hears_nothing().await;
    drop(ann);
    assert_eq!(bob.hear().await, "A client disconnected");
}

#[tokio::test]
async fn while_redis_is_cut_off_each_process_goes_on_by_itself_and_joins_again_when_it_is_back() {
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
    // What was said in the meantime is not heard later.
    reaches(&mut ann, &mut bob, "back").await;
    reaches(&mut bob, &mut ann, "back here, too").await;
}

#[tokio::test]
async fn a_redis_that_is_not_there_delays_nobody() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = TestApp::with(|settings| settings.redis.url = Some(format!("redis://{nobody}").into())).await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let mut chat = Chat::enter(server.address, ann.token.as_ref().unwrap(), "kitchen").await;
    chat.say("hello").await;
    assert_eq!(chat.hear().await, "Message: hello");
}
