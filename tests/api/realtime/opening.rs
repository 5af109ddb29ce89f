//! The handshake.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::websocket::Chat;

#[tokio::test]
async fn handshake_needs_a_valid_token() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.clone().unwrap();
    assert_eq!(Chat::open(server.address, "/ws", &[]).await.err(), Some(401));
    let forged = format!("Bearer {token}x");
    assert_eq!(Chat::open(server.address, "/ws", &[("authorization", &forged)]).await.err(), Some(401));
    ann.post("/logout", json!({})).await.is_no_content();
    let ended = format!("Bearer {token}");
    assert_eq!(Chat::open(server.address, "/ws", &[("authorization", &ended)]).await.err(), Some(401));
}

#[tokio::test]
async fn access_token_in_the_query_is_not_accepted() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    for name in ["token", "access_token", "authorization", "bearer", "ticket"] {
        assert_eq!(Chat::open(server.address, &format!("/ws?{name}={token}"), &[]).await.err(), Some(401), "{name}");
    }
    for path in ["/events?access_token=", "/events?ticket="] {
        app.anonymous().get(&format!("{path}{token}")).await.is_unauthorized();
    }
}

// only with api_keys
#[tokio::test]
async fn api_keys_and_narrow_tokens_are_forbidden() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let key: Value = ann.post("/users/me/api-keys", json!({ "name": "ci", "scope": "users" })).await.created();
    let form = [("username", "ann"), ("password", PASSWORD), ("scope", "users")];
    let narrow: Value = app.anonymous().form("/token", &form).await.ok();
    for shown in [&key["key"], &narrow["access_token"]] {
        let bearer = format!("Bearer {}", shown.as_str().unwrap());
        assert_eq!(Chat::open(server.address, "/ws", &[("authorization", &bearer)]).await.err(), Some(403));
        app.bearer(shown.as_str().unwrap()).get("/events").await.error(StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn foreign_origin_is_forbidden() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let bearer = format!("Bearer {}", ann.token.as_ref().unwrap());
    let from = async |origin: &str| {
        let headers = [("authorization", bearer.as_str()), ("origin", origin)];
        Chat::open(server.address, "/ws", &headers).await.err()
    };
    for own in ["http://testserver", "https://testserver", "https://app.example.com"] {
        assert_eq!(from(own).await, None, "{own}");
    }
    let foreign = [
        "null",
        "",
        "https://evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.evil.example",
        "http://testserver:8000",
        "http://testserver.evil.example",
        "http://evil.example/testserver",
        "ftp://testserver",
        "testserver",
    ];
    for origin in foreign {
        assert_eq!(from(origin).await, Some(403), "{origin}");
    }
    let two = [("authorization", bearer.as_str()), ("origin", "http://testserver"), ("origin", "http://testserver")];
    assert_eq!(Chat::open(server.address, "/ws", &two).await.err(), Some(403));
}

#[tokio::test]
async fn foreign_origin_does_not_use_up_a_ticket() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let ticket: Value = ann.post("/ws/ticket", json!({})).await.ok();
    let path = format!("/ws?ticket={}", ticket["ticket"].as_str().unwrap());
    let refused = Chat::open(server.address, &path, &[("origin", "https://evil.example")]).await;
    assert_eq!(refused.err(), Some(403));
    assert!(Chat::open(server.address, &path, &[]).await.is_ok());
}

#[tokio::test]
async fn request_without_a_handshake_is_a_426() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let token = ann.token.as_ref().unwrap();
    let handshakes = [
        "",
        "Connection: upgrade\r\nUpgrade: websocket\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Version: 8\r\n",
        "Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n",
        "Connection: upgrade\r\nUpgrade: h2c\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\
         Sec-WebSocket-Version: 13\r\n",
    ];
    for handshake in handshakes {
        let mut socket = server.connect().await;
        let head = format!("Host: testserver\r\nAuthorization: Bearer {token}\r\n{handshake}");
        socket.send(format!("GET /api/v1/ws HTTP/1.1\r\n{head}\r\n")).await;
        let response = socket.response().await;
        assert_eq!(response.status, 426, "{handshake}");
        assert_eq!(response.header("upgrade"), Some("websocket"));
        // The connection still serves requests.
        assert_eq!(socket.get("/health/live").await.status, 200);
    }
}

#[tokio::test]
async fn invalid_room_name_is_a_422() {
    let app = TestApp::start().await;
    let (server, ann) = (app.listen().await, app.user("ann").await);
    let bearer = format!("Bearer {}", ann.token.as_ref().unwrap());
    let long = "x".repeat(65);
    for room in ["", "a%20b", "a%0Ab", "é", "%00", long.as_str(), "a&room=b"] {
        let path = format!("/ws?room={room}");
        assert_eq!(Chat::open(server.address, &path, &[("authorization", &bearer)]).await.err(), Some(422), "{room}");
    }
}
