//! A new email address: whoever has the address has the account, so that a token alone is not enough to change it.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::entities::session;
use keel::schemas::audit_event::{AuditEventPage, AuditKind};
use keel::schemas::login::Token;
use keel::schemas::user::UserRead;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Answer, Client, TestApp};

const NEEDED: &str = "Log in again, or send current_password, to change the email address";

async fn change(client: &Client, body: Value) -> Answer {
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
async fn refreshed(client: &Client) -> Client {
    let body = json!({ "refresh_token": client.refresh_token });
    let token: Token = client.post("/login/refresh", body).await.ok();
    Client { token: Some(token.access_token), refresh_token: Some(token.refresh_token), ..client.clone() }
}

#[tokio::test]
async fn who_has_just_logged_in_may_change_it() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    app.travel(TimeDelta::seconds(899));
    assert_eq!(change(&ann, to("ann@example.org")).await.ok::<UserRead>().email, "ann@example.org");
}

#[tokio::test]
async fn later_the_password_is_asked_for() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    app.travel(TimeDelta::seconds(901));
    // What renews a session is what is stolen with it.
    let ann = refreshed(&ann).await;
    assert_eq!(change(&ann, to("eve@example.org")).await.error(StatusCode::FORBIDDEN), NEEDED);
    let headers = [("content-type", "application/json"), ("accept", "application/problem+json")];
    let body = Body::from(to("eve@example.org").to_string());
    let answer = ann.send(Method::PATCH, "/users/me", &headers, body).await;
    assert_eq!(answer.read::<Value>()["code"], "recent_login_required");
    let wrong = with("eve@example.org", "kettle with a lid");
    assert_eq!(change(&ann, wrong).await.error(StatusCode::BAD_REQUEST), "Incorrect password");
    assert_eq!(change(&ann, with("eve@example.org", "")).await.problems(), ["body.current_password: string_too_short"]);
    let null = json!({ "email": "eve@example.org", "current_password": null });
    assert_eq!(change(&ann, null).await.problems(), ["body.current_password: string_type"]);
    assert_eq!(email(&ann).await, "ann@example.com");
    let is_new_account = |mail: &String| mail.contains("Subject: Your new account");
    assert!(app.outbox.unread().await.iter().all(is_new_account), "nobody is mailed to for it");

    // Everything else needs no password, and so does the address that is set.
    let same = json!({ "email": "ann@example.com", "age": 7, "username": "annie" });
    assert_eq!(change(&ann, same).await.ok::<UserRead>().age, Some(7));
    assert_eq!(change(&ann, with("ann@example.org", PASSWORD)).await.ok::<UserRead>().email, "ann@example.org");

    let again: Token = app.log_in("annie", PASSWORD).await.ok();
    change(&app.bearer(&again.access_token), to("ann@example.net")).await.ok::<UserRead>();
}

#[tokio::test]
async fn also_where_a_new_address_waits_for_its_link() {
    let app = TestApp::with(|settings| {
        settings.auth.require_verified_email = true;
        settings.auth.recent_login_seconds = 0;
    })
    .await;
    let ann = app.user("ann").await;
    assert_eq!(change(&ann, to("eve@example.org")).await.error(StatusCode::FORBIDDEN), NEEDED);
    assert!(app.outbox.unread().await.iter().all(|mail| mail.contains("Subject: Your new account")));
    change(&ann, with("ann@example.org", PASSWORD)).await.ok::<UserRead>();
    app.outbox.token("ann@example.org").await;
}

/// What this process remembers of a session may be a second old.
#[tokio::test]
async fn a_session_that_another_process_has_ended_changes_nothing() {
    let app = TestApp::start().await;
    for (name, body) in [("ann", to("eve@example.org")), ("bob", with("eve@example.org", PASSWORD))] {
        let user = app.user(name).await;
        assert_eq!(email(&user).await, format!("{name}@example.com"));
        session::Entity::delete_many().exec(&app.state.db).await.unwrap();
        change(&user, body).await.is_unauthorized();
    }
}

#[tokio::test]
async fn wrong_passwords_are_counted_and_written_down() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 5;
    })
    .await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    // Of the right password there may be as many as one likes, whatever the address is.
    for number in 0..8 {
        change(&ann, with(&format!("ann{number}@example.com"), PASSWORD)).await.ok::<UserRead>();
    }
    let guess = json!({ "current_password": "kettle without a lid", "new_password": "kettle with a lid" });
    for number in 0..3 {
        let guess = with(&format!("eve{number}@example.com"), "kettle without a lid");
        change(&ann, guess).await.error(StatusCode::BAD_REQUEST);
    }
    // One count for both routes.
    for _ in 0..2 {
        ann.patch("/users/me/password", guess.clone()).await.error(StatusCode::BAD_REQUEST);
    }
    ann.patch("/users/me/password", guess).await.error(StatusCode::TOO_MANY_REQUESTS);
    change(&ann, with("eve@example.com", PASSWORD)).await.error(StatusCode::TOO_MANY_REQUESTS);

    let answer = root.get("/audit-events?kind=password_check_failed").await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("kettle"));
    let page: AuditEventPage = answer.ok();
    assert_eq!(page.count, Some(5));
    for event in page.data {
        assert_eq!(event.kind, AuditKind::PasswordCheckFailed);
        assert_eq!((event.user_id, event.actor_id, event.detail), (Some(ann.id()), Some(ann.id()), None));
    }
}
