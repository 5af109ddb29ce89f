//! A new password by a mailed link.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::schemas::api_key::{ApiKeyCreated, ApiKeyPage};
use keel::schemas::audit_event::AuditEventPage;
use keel::schemas::login::Token;
use keel::schemas::message::Message;
use keel::schemas::user::UserRead;
use serde_json::{Value, json};

use crate::permissions::{Permissions, row};
use crate::support::app::PASSWORD;
use crate::support::{Client, Response, TestApp};

const NEW: &str = "kettle with a lid";

async fn ask(app: &TestApp, email: &str) -> Response {
    app.anonymous().post("/password-recovery", json!({ "email": email })).await
}

async fn link(app: &TestApp, email: &str) -> String {
    ask(app, email).await.expect(StatusCode::OK);
    app.outbox.token(email).await
}

async fn reset(app: &TestApp, token: &str, password: &str) -> Response {
    app.anonymous().post("/reset-password", json!({ "token": token, "new_password": password })).await
}

#[track_caller]
fn is_invalid(response: Response) {
    assert_eq!(response.read::<Value>(), json!({ "detail": "Invalid token" }));
    response.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn reset_link_sets_a_new_password_once() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let token = link(&app, "ann@example.com").await;
    assert_eq!(reset(&app, &token, NEW).await.ok::<Message>().message, "Password updated successfully");
    ann.get("/users/me").await.is_unauthorized();
    ann.post("/login/refresh", json!({ "refresh_token": ann.refresh_token })).await.is_unauthorized();
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.log_in("ann", NEW).await.status, StatusCode::OK);
    is_invalid(reset(&app, &token, "another kettle").await);
}

/// Someone else may have signed up with the address, or have stolen a password, long before.
#[tokio::test]
async fn password_reset_ends_links() {
    let app = TestApp::with(|settings| settings.auth.require_verified_email = true).await;
    let ann = app.user("ann").await;
    ann.patch("/users/me", json!({ "email": "eve@example.org" })).await.ok::<UserRead>();
    let elsewhere = app.outbox.token("eve@example.org").await;
    let token = link(&app, "ann@example.com").await;
    reset(&app, &token, NEW).await.ok::<Message>();
    is_invalid(app.anonymous().post("/verify-email", json!({ "token": elsewhere })).await);
}

// only with api_keys
#[tokio::test]
async fn password_reset_revokes_api_keys() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let new_key = json!({ "name": "ci", "scope": "users" });
    let keys = [(); 2].map(|()| ann.post("/users/me/api-keys", new_key.clone()));
    let keys: Vec<ApiKeyCreated> =
        futures_util::future::join_all(keys).await.into_iter().map(Response::created).collect();
    let machine = app.bearer(&keys[0].key);
    // The key is valid, but its user is no superuser.
    machine.get("/users").await.error(StatusCode::FORBIDDEN);

    let token = link(&app, "ann@example.com").await;
    reset(&app, &token, NEW).await.ok::<Message>();
    machine.get("/users").await.is_unauthorized();
    app.bearer(&keys[1].key).get("/users").await.is_unauthorized();
    let revoked: AuditEventPage = root.get("/audit-events?kind=api_key_revoked").await.ok();
    let [event] = &revoked.data[..] else { panic!("{revoked:?}") };
    assert_eq!((event.user_id, event.actor_id, event.detail.as_deref()), (Some(ann.id()), None, Some("2 keys")));

    let ann: Token = app.log_in("ann", NEW).await.ok();
    let ann = app.bearer(&ann.access_token);
    assert_eq!(ann.get("/users/me/api-keys").await.ok::<ApiKeyPage>().count, Some(0));
    let token = link(&app, "ann@example.com").await;
    reset(&app, &token, "kettle without a spout").await.ok::<Message>();
    let revoked: AuditEventPage = root.get("/audit-events?kind=api_key_revoked").await.ok();
    assert_eq!(revoked.count, Some(1), "no event without keys");
}

#[tokio::test]
async fn reset_link_ignores_request_headers() {
    let app = TestApp::with(|settings| settings.mail.frontend_url = "https://app.example.com/".into()).await;
    app.user("ann").await;
    let headers = [
        ("content-type", "application/json"),
        ("x-forwarded-host", "evil.example.com"),
        ("forwarded", "host=evil.example.com"),
        ("origin", "https://evil.example.com"),
        ("referer", "https://evil.example.com"),
    ];
    let body = json!({ "email": "ANN@example.com" }).to_string();
    app.anonymous().send(Method::POST, "/password-recovery", &headers, body.into()).await.expect(StatusCode::OK);
    let mail = app.outbox.next("ann@example.com").await;
    assert!(mail.contains("https://app.example.com/reset-password?token="), "{mail}");
    assert!(!mail.contains("evil"), "{mail}");
}

#[tokio::test]
async fn recovery_response_is_the_same_for_every_address() {
    let app = TestApp::start().await;
    let (root, ann, eve) = (app.superuser("root").await, app.user("ann").await, app.user("eve").await);
    root.patch(&format!("/users/{}", eve.id()), json!({ "is_active": false })).await.ok::<UserRead>();
    for route in ["/password-recovery", "/email-verification"] {
        let mut responses = Vec::new();
        for email in ["ann@example.com", "eve@example.com", "unknown@example.com", "ANN@EXAMPLE.COM"] {
            let response = app.anonymous().post(route, json!({ "email": email })).await.expect(StatusCode::OK);
            let mut headers = response.headers.clone();
            headers.remove("x-request-id");
            headers.remove("x-process-time");
            responses.push((headers, response.body));
        }
        responses.dedup();
        assert_eq!(responses.len(), 1, "{route}");
    }
    let by_path = app.anonymous().send(Method::POST, "/password-recovery/unknown@example.com", &[], "".into()).await;
    let expected = "If that email is registered, we sent a password recovery link";
    assert_eq!(by_path.ok::<Message>().message, expected);
    app.outbox.token("ann@example.com").await;
    let text = format!("{:?}", app.outbox.unread().await);
    assert!(!text.contains("eve@") && !text.contains("unknown@"), "{text}");
    ann.get("/users/me").await.ok::<UserRead>();
}

#[tokio::test]
async fn reset_link_ends_with_newer_request_expiry_and_account_changes() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let email = "ann@example.com";
    let path = format!("/users/{}", ann.id());

    let old = link(&app, email).await;
    let newer = link(&app, email).await;
    is_invalid(reset(&app, &old, NEW).await);

    app.travel(TimeDelta::seconds(3599));
    let problems = reset(&app, &newer, "password123").await.problems();
    assert_eq!(problems, ["body.new_password: value_error"], "a weak password leaves the token valid");
    app.travel(TimeDelta::seconds(1));
    is_invalid(reset(&app, &newer, NEW).await);

    let root = app.superuser("root").await;
    let token = link(&app, email).await;
    root.patch(&path, json!({ "password": NEW })).await.ok::<UserRead>();
    is_invalid(reset(&app, &token, "another kettle").await);

    let token = link(&app, email).await;
    root.patch(&path, json!({ "email": "ann@example.org" })).await.ok::<UserRead>();
    is_invalid(reset(&app, &token, "another kettle").await);

    let token = link(&app, "ann@example.org").await;
    root.patch(&path, json!({ "is_active": false })).await.ok::<UserRead>();
    is_invalid(reset(&app, &token, "another kettle").await);

    let bob = app.user("bob").await;
    let token = link(&app, "bob@example.com").await;
    root.delete(&format!("/users/{}", bob.id())).await.is_no_content();
    is_invalid(reset(&app, &token, "another kettle").await);
}

#[tokio::test]
async fn altered_reset_token_is_rejected() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let token = link(&app, "ann@example.com").await;
    for at in 0..token.len() {
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        is_invalid(reset(&app, &format!("{}{other}{}", &token[..at], &token[at + 1..]), NEW).await);
    }
    for text in ["x", "null", "%", "' OR 1=1 --", &token.to_uppercase(), &format!("{token} "), &"A".repeat(255)] {
        is_invalid(reset(&app, text, NEW).await);
    }
    reset(&app, &token, NEW).await.expect(StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_reset_with_one_token_succeeds_once() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let token = link(&app, "ann@example.com").await;
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let client: Client = app.anonymous();
            let body = json!({ "token": token, "new_password": format!("kettle with lid {number}") });
            tokio::spawn(async move { client.post("/reset-password", body).await.status })
        })
        .collect();
    let mut successes = Vec::new();
    for (number, call) in calls.into_iter().enumerate() {
        match call.await.unwrap() {
            StatusCode::OK => successes.push(number),
            status => assert_eq!(status, StatusCode::BAD_REQUEST),
        }
    }
    let [number] = successes[..] else { panic!("{successes:?}") };
    let login = app.log_in("ann", &format!("kettle with lid {number}")).await;
    assert_eq!(login.status, StatusCode::OK);
}

#[tokio::test]
async fn recovery_fails_while_the_database_is_down() {
    let app = TestApp::start().await;
    app.state.db.clone().close().await.unwrap();
    for email in ["ann@example.com", "unknown@example.com"] {
        ask(&app, email).await.error(StatusCode::SERVICE_UNAVAILABLE);
    }
}

const EMAIL: &str = r#"{ "email": "OWNER@example.com" }"#;
const RESET: &str = r#"{ "token": "RESET_TOKEN", "new_password": "kettle with a lid" }"#;

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("recovery-recover_password", EMAIL, [200, 200, 200, 200]),
        row("recovery-recover_password_by_path", "", [200, 200, 200, 200]),
        row("recovery-reset_password", RESET, [200, 200, 200, 200]),
        row("recovery-request_email_verification", EMAIL, [200, 200, 200, 200]),
        row("recovery-verify_email", r#"{ "token": "VERIFY_TOKEN" }"#, [200, 200, 200, 200]),
    ],
    placeholders: &[],
};
