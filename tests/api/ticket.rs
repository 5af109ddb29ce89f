//! `/ws/ticket`

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::entities::ticket;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::permissions::{Permissions, row};
use crate::support::app::PASSWORD;
use crate::support::websocket::Chat;
use crate::support::{Client, TestApp};

async fn ticket_of(client: &Client) -> String {
    let response: Value = client.post("/ws/ticket", json!({})).await.ok();
    assert_eq!(response["expires_in"], 30);
    response["ticket"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn ticket_opens_one_websocket() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let ticket = ticket_of(&ann).await;
    let path = format!("/ws?ticket={ticket}");
    let mut chat = Chat::open(server.address, &path, &[]).await.expect("it opens");
    chat.say("hello").await;
    assert_eq!(chat.hear().await, "Message: hello");
    assert_eq!(Chat::open(server.address, &path, &[]).await.err(), Some(401));
}

#[tokio::test]
async fn ticket_is_random_and_stored_as_a_hash() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let (one, another) = (ticket_of(&ann).await, ticket_of(&ann).await);
    assert_ne!(one, another);
    // 256 bits.
    assert_eq!(one.len(), 43);
    let stored = ticket::Entity::find().all(&app.state.db).await.unwrap();
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|row| row.ticket_hash != one && row.ticket_hash != another));
}

#[tokio::test]
async fn concurrent_uses_on_two_processes_succeed_once() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let elsewhere = app.listen_elsewhere().await;
    let path = format!("/ws?ticket={}", ticket_of(&ann).await);
    let tries = (0..20).map(|n| {
        let address = if n % 2 == 0 { server.address } else { elsewhere.address };
        Chat::open(address, &path, &[])
    });
    let responses = futures_util::future::join_all(tries).await;
    assert_eq!(responses.iter().filter(|response| response.is_ok()).count(), 1);
    assert!(responses.iter().filter_map(|response| response.as_ref().err()).all(|status| *status == 401));
}

#[tokio::test]
async fn ticket_expires_after_thirty_seconds() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let (early, late) = (ticket_of(&ann).await, ticket_of(&ann).await);
    app.travel(TimeDelta::seconds(29));
    assert!(Chat::open(server.address, &format!("/ws?ticket={early}"), &[]).await.is_ok());
    app.travel(TimeDelta::seconds(1));
    assert_eq!(Chat::open(server.address, &format!("/ws?ticket={late}"), &[]).await.err(), Some(401));
    // The next ticket of the session deletes expired ones.
    ticket_of(&ann).await;
    assert_eq!(ticket::Entity::find().all(&app.state.db).await.unwrap().len(), 1);
}

#[tokio::test]
async fn ticket_ends_with_its_session() {
    let app = TestApp::start().await;
    let (server, ann, root) = (app.listen().await, app.user("ann").await, app.superuser("root").await);
    let path = format!("/ws?ticket={}", ticket_of(&ann).await);
    ann.post("/logout", json!({})).await.is_no_content();
    assert!(ticket::Entity::find().all(&app.state.db).await.unwrap().is_empty());
    assert_eq!(Chat::open(server.address, &path, &[]).await.err(), Some(401));

    let token: Value = app.log_in("ann", PASSWORD).await.ok();
    let again = app.bearer(token["access_token"].as_str().unwrap());
    let path = format!("/ws?ticket={}", ticket_of(&again).await);
    root.patch(&format!("/users/{}", ann.id()), json!({ "is_active": false })).await.expect(StatusCode::OK);
    assert_eq!(Chat::open(server.address, &path, &[]).await.err(), Some(401));
}

#[tokio::test]
async fn other_texts_are_refused_as_tickets() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let refresh_token = ann.refresh_token.clone().unwrap();
    let unknown = Uuid::new_v4().to_string();
    for ticket in [ann.token.as_deref().unwrap(), &refresh_token, "", "x", "%20", &unknown] {
        let refused = Chat::open(server.address, &format!("/ws?ticket={ticket}"), &[]).await;
        assert_eq!(refused.err(), Some(401), "{ticket}");
    }
    // A ticket is no access token.
    app.bearer(&ticket_of(&ann).await).get("/users/me").await.is_unauthorized();
}

#[tokio::test]
async fn ticket_needs_the_scope_me() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let form = [("username", "ann"), ("password", PASSWORD), ("scope", "users")];
    let token: Value = app.anonymous().form("/token", &form).await.ok();
    let narrow = app.bearer(token["access_token"].as_str().unwrap());
    narrow.post("/ws/ticket", json!({})).await.error(StatusCode::FORBIDDEN);
}

// only with api_keys
#[tokio::test]
async fn api_key_gets_no_ticket() {
    let app = TestApp::start().await;
    let body = json!({ "name": "ci", "scope": "users" });
    let key: Value = app.user("ann").await.post("/users/me/api-keys", body).await.created();
    app.bearer(key["key"].as_str().unwrap()).post("/ws/ticket", json!({})).await.error(StatusCode::FORBIDDEN);
}

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("realtime-create_ticket", "", [401, 200, 200, 200]),
    ],
    placeholders: &[],
};
