//! Several processes with one database, and one Redis.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::serve::{Process, request};
use super::{command, folder};
use crate::support::database::TestDatabase;
use crate::support::redis::redis_url;
use crate::support::socket::TIMEOUT;
use crate::support::websocket::Chat;

const FORM: &str = "HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded";

async fn log_in(address: SocketAddr, username: &str, password: &str) -> (u16, Value) {
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("username", username), ("password", password)])
        .finish();
    let response = request(address, &format!("POST /token {FORM}"), &body).await;
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

async fn token(address: SocketAddr) -> String {
    let (status, token) = log_in(address, "admin@example.com", "changethis").await;
    assert_eq!(status, 200);
    token["access_token"].as_str().unwrap().to_owned()
}

async fn call(address: SocketAddr, method_and_path: &str, token: &str, body: &Value) -> u16 {
    let head = format!("{method_and_path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json");
    request(address, &head, &body.to_string()).await.status
}

/// Two of them, and where they listen.
fn two(database: &TestDatabase, folder: &std::path::Path, change: impl Fn(&mut Command)) -> [(Process, SocketAddr); 2] {
    [(); 2].map(|()| {
        let mut command = command(folder, database, &["serve"]);
        change(&mut command);
        let process = Process::spawn(&mut command);
        let address = process.address();
        (process, address)
    })
}

/// The other process responds with 401 before long, and goes on doing so.
async fn is_over(address: SocketAddr, token: &str) {
    let over = async {
        while call(address, "GET /api/v1/users/me", token, &json!({})).await != 401 {
            sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, over).await.expect("it is noticed");
    assert_eq!(call(address, "GET /api/v1/users/me", token, &json!({})).await, 401);
}

#[tokio::test]
async fn session_ended_on_one_process_ends_on_the_other() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let processes = two(&database, folder.path(), |_| {});
    let [here, there] = [processes[0].1, processes[1].1];
    let session = async || {
        let token = token(here).await;
        // It is known on both.
        for address in [here, there] {
            assert_eq!(call(address, "GET /api/v1/users/me", &token, &json!({})).await, 200);
        }
        token
    };
    let logged_out = session().await;
    assert_eq!(call(here, "POST /api/v1/logout", &logged_out, &json!({})).await, 204);
    is_over(there, &logged_out).await;

    let (one, another) = (session().await, session().await);
    let change = json!({ "current_password": "changethis", "new_password": "kettle with a lid" });
    assert_eq!(call(there, "PATCH /api/v1/users/me/password", &one, &change).await, 200);
    is_over(here, &another).await;
    assert_eq!(call(here, "GET /api/v1/users/me", &one, &json!({})).await, 200);
}

#[tokio::test]
async fn limits_count_for_all_processes_together() {
    let Some(redis) = redis_url() else { return };
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let processes = two(&database, folder.path(), |command| {
        command
            .env("REDIS_URL", redis)
            .env("APP__RATE_LIMIT__ENABLED", "true")
            .env("APP__RATE_LIMIT__LOGIN_ATTEMPTS", "6");
    });
    // Redis outlives the test.
    let name = uuid::Uuid::new_v4().to_string();
    let mut statuses = Vec::new();
    for round in 0..8 {
        statuses.push(log_in(processes[round % 2].1, &name, "kettle with a lid").await.0);
    }
    assert_eq!(statuses, [400, 400, 400, 400, 400, 400, 429, 429]);
}

// only with realtime
#[tokio::test]
async fn messages_cross_processes_and_a_stopping_process_closes_its_sockets() {
    let Some(redis) = redis_url() else { return };
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let mut processes = two(&database, folder.path(), |command| {
        command.env("REDIS_URL", redis);
    });
    let [here, there] = [processes[0].1, processes[1].1];
    let (token, room) = (token(here).await, uuid::Uuid::new_v4().to_string());
    let mut ann = Chat::enter(here, &token, &room).await;
    let mut bob = Chat::enter(there, &token, &room).await;
    ann.say("hello").await;
    assert_eq!(bob.hear().await, "Message: hello");
    bob.say("hello back").await;
    assert_eq!(ann.hear().await, "Message: hello");
    assert_eq!(ann.hear().await, "Message: hello back");

    processes[0].0.terminate();
    assert_eq!(ann.closed().await.0, 1001);
    assert!(processes[0].0.ended().await.success());
    assert_eq!(bob.hear().await, "Message: hello back");
    assert_eq!(bob.hear().await, "A client disconnected");
}

// only with realtime
#[tokio::test]
async fn logout_on_one_process_closes_sockets_on_the_other() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let processes = two(&database, folder.path(), |_| {});
    let [here, there] = [processes[0].1, processes[1].1];
    let token = token(here).await;
    let mut chat = Chat::enter(there, &token, "lobby").await;
    assert_eq!(call(here, "POST /api/v1/logout", &token, &json!({})).await, 204);
    let closed = timeout(std::time::Duration::from_secs(5), chat.closed()).await;
    assert_eq!(closed.expect("it is noticed in time").0, 1008);
}
