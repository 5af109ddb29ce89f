//! Email addresses: shown to work by following a link.

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::login::Token;
use keel::schemas::message::Message;
use keel::schemas::user::UserRead;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Answer, TestApp};

async fn verify(app: &TestApp, token: &str) -> Answer {
    app.anonymous().post("/verify-email", json!({ "token": token })).await
}

async fn strict() -> TestApp {
    TestApp::with(|settings| settings.auth.require_verified_email = true).await
}

async fn sign_up(app: &TestApp, name: &str) -> UserRead {
    let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
    app.anonymous().post("/users/signup", body).await.created()
}

#[tokio::test]
async fn where_it_is_required_a_login_waits_for_it() {
    let app = strict().await;
    sign_up(&app, "ann").await;
    let answer = app.log_in("ann", PASSWORD).await.expect(StatusCode::BAD_REQUEST);
    let body: Value = answer.read();
    assert_eq!(
        (&body["error"], &body["detail"]),
        (&json!("invalid_grant"), &json!("The email address is not verified"))
    );
    let body: Value = app.log_in("ann", "kettle with a lid").await.read();
    assert_eq!(body["detail"], "Incorrect email or password", "only who knows the password is told");

    let token = app.outbox.token("ann@example.com").await;
    assert_eq!(verify(&app, &token).await.ok::<Message>().message, "Email verified successfully");
    app.log_in("ann", PASSWORD).await.ok::<Token>();
    assert_eq!(verify(&app, &token).await.error(StatusCode::BAD_REQUEST), "Invalid token", "once");
}

/// Following it would make somebody else's account, whose password he knows, look like one's own.
#[tokio::test]
async fn who_has_not_signed_up_is_told_not_to_follow_the_link() {
    let app = strict().await;
    sign_up(&app, "ann").await;
    let mail = app.outbox.next("ann@example.com").await;
    assert!(mail.contains("If you have not, do not follow the link"), "{mail}");
}

#[tokio::test]
async fn where_it_is_not_a_login_does_not() {
    let app = TestApp::start().await;
    sign_up(&app, "ann").await;
    app.log_in("ann", PASSWORD).await.ok::<Token>();
    verify(&app, &app.outbox.token("ann@example.com").await).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn the_link_can_be_asked_for_again() {
    let app = strict().await;
    sign_up(&app, "ann").await;
    let first = app.outbox.token("ann@example.com").await;
    app.anonymous().post("/email-verification", json!({ "email": "ann@example.com" })).await.expect(StatusCode::OK);
    let second = app.outbox.token("ann@example.com").await;
    verify(&app, &first).await.error(StatusCode::BAD_REQUEST);
    app.travel(TimeDelta::seconds(86_400));
    verify(&app, &second).await.error(StatusCode::BAD_REQUEST);
    app.anonymous().post("/email-verification", json!({ "email": "ann@example.com" })).await.expect(StatusCode::OK);
    verify(&app, &app.outbox.token("ann@example.com").await).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn a_new_address_counts_once_it_is_verified_and_the_old_one_is_told() {
    let app = strict().await;
    let ann = app.user("ann").await;
    let same: UserRead = ann.patch("/users/me", json!({ "email": "ann@example.org", "age": 7 })).await.ok();
    assert_eq!((same.email.as_str(), same.age), ("ann@example.com", Some(7)));
    let token = app.outbox.token("ann@example.org").await;
    ann.post("/password-recovery", json!({ "email": "ann@example.com" })).await.expect(StatusCode::OK);
    let reset = app.outbox.token("ann@example.com").await;

    verify(&app, &token).await.expect(StatusCode::OK);
    assert_eq!(ann.get("/users/me").await.ok::<UserRead>().email, "ann@example.org");
    let notice = app.outbox.next("ann@example.com").await;
    assert!(notice.contains("was changed"), "{notice}");
    let body = json!({ "token": reset, "new_password": "kettle with a lid" });
    app.anonymous().post("/reset-password", body).await.error(StatusCode::BAD_REQUEST);
    app.log_in("ann@example.org", PASSWORD).await.ok::<Token>();
}

#[tokio::test]
async fn a_new_address_counts_at_once_where_none_has_to_be_verified() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let changed: UserRead = ann.patch("/users/me", json!({ "email": "ann@example.org" })).await.ok();
    assert_eq!(changed.email, "ann@example.org");
    let notice = app.outbox.next("ann@example.com").await;
    assert!(notice.contains("was changed") && !notice.contains("token="), "{notice}");
}

#[tokio::test]
async fn an_address_that_somebody_else_has_by_now_is_not_taken_from_him() {
    let app = strict().await;
    let ann = app.user("ann").await;
    ann.patch("/users/me", json!({ "email": "bob@example.com" })).await.ok::<UserRead>();
    let token = app.outbox.token("bob@example.com").await;
    app.user("bob").await;
    verify(&app, &token).await.error(StatusCode::CONFLICT);
    assert_eq!(ann.get("/users/me").await.ok::<UserRead>().email, "ann@example.com");
}

/// Whoever had come in may have asked for a link to an address of his.
#[tokio::test]
async fn a_logout_everywhere_and_a_deactivation_end_the_links() {
    let app = strict().await;
    let root = app.superuser("root").await;
    for (name, is_deactivated) in [("ann", false), ("bob", true)] {
        let user = app.user(name).await;
        let elsewhere = format!("{name}@example.org");
        user.patch("/users/me", json!({ "email": elsewhere })).await.ok::<UserRead>();
        let token = app.outbox.token(&elsewhere).await;
        if is_deactivated {
            root.patch(&format!("/users/{}", user.id()), json!({ "is_active": false })).await.ok::<UserRead>();
        } else {
            user.send("POST".parse().unwrap(), "/logout/all", &[], "".into()).await.is_no_content();
        }
        assert_eq!(verify(&app, &token).await.error(StatusCode::BAD_REQUEST), "Invalid token");
    }
}
