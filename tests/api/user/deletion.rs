//! Deleting one's own account needs a recent login or the current password.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::entities::session;
use keel::schemas::user::UserRead;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use super::email::refreshed;
use crate::support::app::PASSWORD;
use crate::support::{Client, Response, TestApp};

async fn delete_with(client: &Client, body: Value) -> Response {
    client.json(Method::DELETE, "/users/me", body).await
}

#[tokio::test]
async fn deleted_account_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    ann.delete("/users/me").await.is_no_content();
    ann.get("/users/me").await.is_unauthorized();
    root.get(&format!("/users/{}", ann.id())).await.is_not_found();
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::BAD_REQUEST);
    let sessions = session::Entity::find().all(&app.state.db).await.unwrap();
    assert!(!sessions.iter().any(|session| session.user_id == ann.id()));

    // Email and username are free again.
    app.travel(TimeDelta::seconds(1));
    let body = json!({ "email": "ann@example.com", "password": PASSWORD });
    let again: UserRead = app.anonymous().post("/users/signup", body).await.created();
    assert_eq!((again.username.as_str(), again.id == ann.id()), ("ann", false));
}

#[tokio::test]
async fn account_deletion_without_recent_login_needs_the_password() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    app.travel(TimeDelta::seconds(901));
    // A refresh is not a login: refresh tokens are stolen together with access tokens.
    let ann = refreshed(&ann).await;
    let problem = ("accept", "application/problem+json");
    let without_body = ann.send(Method::DELETE, "/users/me", &[problem], Body::empty()).await;
    let json = ("content-type", "application/json");
    let with_body = ann.send(Method::DELETE, "/users/me", &[problem, json], "{}".into()).await;
    for response in [without_body, with_body] {
        let response = response.expect(StatusCode::FORBIDDEN);
        assert_eq!(response.read::<Value>()["code"], "recent_login_required");
    }
    let wrong = delete_with(&ann, json!({ "current_password": "kettle with a lid" })).await;
    assert_eq!(wrong.error(StatusCode::BAD_REQUEST), "Incorrect password");
    let null = delete_with(&ann, json!({ "current_password": null })).await;
    assert_eq!(null.problems(), ["body.current_password: string_type"]);
    ann.get("/users/me").await.ok::<UserRead>();

    delete_with(&ann, json!({ "current_password": PASSWORD })).await.is_no_content();
    ann.get("/users/me").await.is_unauthorized();
}

#[tokio::test]
async fn account_deletion_checks_a_password_even_after_a_recent_login() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    delete_with(&ann, json!({ "current_password": "kettle with a lid" })).await.error(StatusCode::BAD_REQUEST);
    delete_with(&ann, json!({})).await.is_no_content();
}

#[tokio::test]
async fn account_deletion_counts_wrong_passwords_as_login_attempts() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 3;
    })
    .await;
    let ann = app.user("ann").await;
    for _ in 0..3 {
        delete_with(&ann, json!({ "current_password": "kettle with a lid" })).await.error(StatusCode::BAD_REQUEST);
    }
    let right = delete_with(&ann, json!({ "current_password": PASSWORD })).await;
    right.error(StatusCode::TOO_MANY_REQUESTS);
    ann.get("/users/me").await.ok::<UserRead>();
}

/// Another process's changes of a session take effect within a second.
#[tokio::test]
async fn account_deletion_fails_when_another_process_ended_the_session() {
    let app = TestApp::start().await;
    for (name, body) in [("ann", json!({})), ("bob", json!({ "current_password": PASSWORD }))] {
        let user = app.user(name).await;
        user.get("/users/me").await.ok::<UserRead>();
        session::Entity::delete_many().exec(&app.state.db).await.unwrap();
        delete_with(&user, body).await.is_unauthorized();
    }
}

#[tokio::test]
async fn superuser_deletes_others_without_recent_login() {
    let app = TestApp::with(|settings| settings.auth.recent_login_seconds = 0).await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    root.delete(&format!("/users/{}", ann.id())).await.is_no_content();
    app.superuser("spare").await;
    root.delete("/users/me").await.error(StatusCode::FORBIDDEN);
}
