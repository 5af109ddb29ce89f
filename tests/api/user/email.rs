//! Changing one's own email address needs a recent login or the current password.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::entities::session;
use keel::schemas::audit_event::{AuditEventPage, AuditKind, RecordedKind};
use keel::schemas::login::Token;
use keel::schemas::user::UserRead;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Client, Response, TestApp};

const NEEDED: &str = "Log in again, or send current_password where the route accepts it";

async fn change(client: &Client, body: Value) -> Response {
    client.patch("/users/me", body).await
}

fn to(email: &str) -> Value {
    json!({ "email": email })
}

fn with(email: &str, password: &str) -> Value {
    json!({ "email": email, "current_password": password })
}

async fn email(client: &Client) -> String {
    client.get("/users/me").await.ok::<UserRead>().email
}

/// The same session, refreshed.
pub async fn refreshed(client: &Client) -> Client {
    let body = json!({ "refresh_token": client.refresh_token });
    let token: Token = client.post("/login/refresh", body).await.ok();
    Client { token: Some(token.access_token), refresh_token: Some(token.refresh_token), ..client.clone() }
}

#[tokio::test]
async fn email_change_with_recent_login_needs_no_password() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    app.travel(TimeDelta::seconds(899));
    assert_eq!(change(&ann, to("ann@example.org")).await.ok::<UserRead>().email, "ann@example.org");
}

#[tokio::test]
async fn email_change_without_recent_login_needs_the_password() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    app.travel(TimeDelta::seconds(901));
    // A refresh is not a login: refresh tokens are stolen together with access tokens.
    let ann = refreshed(&ann).await;
    assert_eq!(change(&ann, to("eve@example.org")).await.error(StatusCode::FORBIDDEN), NEEDED);
    let headers = [("content-type", "application/json"), ("accept", "application/problem+json")];
    let body = Body::from(to("eve@example.org").to_string());
    let response = ann.send(Method::PATCH, "/users/me", &headers, body).await;
    assert_eq!(response.read::<Value>()["code"], "recent_login_required");
    let wrong = with("eve@example.org", "kettle with a lid");
    assert_eq!(change(&ann, wrong).await.error(StatusCode::BAD_REQUEST), "Incorrect password");
    assert_eq!(change(&ann, with("eve@example.org", "")).await.problems(), ["body.current_password: string_too_short"]);
    let null = json!({ "email": "eve@example.org", "current_password": null });
    assert_eq!(change(&ann, null).await.problems(), ["body.current_password: string_type"]);
    assert_eq!(email(&ann).await, "ann@example.com");
    // only with jobs
    assert!(app.outbox.unread().await.is_empty(), "no mail is sent for a rejected change");

    // Other fields, and the current address, need no password.
    let same = json!({ "email": "ann@example.com", "age": 7, "username": "annie" });
    assert_eq!(change(&ann, same).await.ok::<UserRead>().age, Some(7));
    assert_eq!(change(&ann, with("ann@example.org", PASSWORD)).await.ok::<UserRead>().email, "ann@example.org");

    let again: Token = app.log_in("annie", PASSWORD).await.ok();
    change(&app.bearer(&again.access_token), to("ann@example.net")).await.ok::<UserRead>();
}

// only with jobs
#[tokio::test]
async fn unverified_email_change_without_recent_login_needs_the_password() {
    let app = TestApp::with(|settings| {
        settings.auth.require_verified_email = true;
        settings.auth.recent_login_seconds = 0;
    })
    .await;
    let ann = app.user("ann").await;
    assert_eq!(change(&ann, to("eve@example.org")).await.error(StatusCode::FORBIDDEN), NEEDED);
    assert!(app.outbox.unread().await.is_empty());
    change(&ann, with("ann@example.org", PASSWORD)).await.ok::<UserRead>();
    app.outbox.token("ann@example.org").await;
}

/// Another process's changes of a session take effect within a second.
#[tokio::test]
async fn email_change_fails_when_another_process_ended_the_session() {
    let app = TestApp::start().await;
    for (name, body) in [("ann", to("eve@example.org")), ("bob", with("eve@example.org", PASSWORD))] {
        let user = app.user(name).await;
        assert_eq!(email(&user).await, format!("{name}@example.com"));
        session::Entity::delete_many().exec(&app.state.db).await.unwrap();
        change(&user, body).await.is_unauthorized();
    }
}

/// The other process has cached the user, as it was before.
#[tokio::test]
async fn changes_by_another_process_count_at_once() {
    let app = TestApp::start().await;
    let here = app.user("ann").await;
    let there = Client { app: app.elsewhere().await, ..here.clone() };
    assert_eq!(email(&there).await, "ann@example.com");
    assert_eq!(change(&here, to("ann@example.org")).await.ok::<UserRead>().email, "ann@example.org");
    assert_eq!(change(&there, to("ann@example.com")).await.ok::<UserRead>().email, "ann@example.com");

    let new = json!({ "current_password": PASSWORD, "new_password": "kettle with a lid" });
    here.patch("/users/me/password", new).await.expect(StatusCode::OK);
    change(&there, with("ann@example.org", PASSWORD)).await.error(StatusCode::BAD_REQUEST);
    change(&there, with("ann@example.org", "kettle with a lid")).await.ok::<UserRead>();
}

#[tokio::test]
async fn wrong_password_is_refused_even_if_none_is_needed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = json!({ "full_name": "Ann", "current_password": "kettle without a lid" });
    change(&ann, body).await.error(StatusCode::BAD_REQUEST);
    change(&ann, json!({ "full_name": "Ann", "current_password": PASSWORD })).await.ok::<UserRead>();
}

#[tokio::test]
async fn email_change_counts_and_records_wrong_passwords() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 5;
    })
    .await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    // The right password does not count, whatever the address is.
    for number in 0..8 {
        change(&ann, with(&format!("ann{number}@example.com"), PASSWORD)).await.ok::<UserRead>();
    }
    let guess = json!({ "current_password": "kettle without a lid", "new_password": "kettle with a lid" });
    for number in 0..3 {
        let guess = with(&format!("eve{number}@example.com"), "kettle without a lid");
        change(&ann, guess).await.error(StatusCode::BAD_REQUEST);
    }
    // Both routes share the limit.
    for _ in 0..2 {
        ann.patch("/users/me/password", guess.clone()).await.error(StatusCode::BAD_REQUEST);
    }
    ann.patch("/users/me/password", guess).await.error(StatusCode::TOO_MANY_REQUESTS);
    change(&ann, with("eve@example.com", PASSWORD)).await.error(StatusCode::TOO_MANY_REQUESTS);

    let response = root.get("/audit-events?kind=password_check_failed").await;
    assert!(!String::from_utf8_lossy(&response.body).contains("kettle"));
    let page: AuditEventPage = response.ok();
    assert_eq!(page.count, Some(5));
    for event in page.data {
        assert_eq!(event.kind, RecordedKind::Known(AuditKind::PasswordCheckFailed));
        assert_eq!((event.user_id, event.actor_id, event.detail), (Some(ann.id()), Some(ann.id()), None));
    }
}
