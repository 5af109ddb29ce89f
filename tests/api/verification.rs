//! Verification of email addresses.

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::login::Token;
use keel::schemas::message::Message;
use keel::schemas::user::UserRead;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Response, TestApp};

async fn verify(app: &TestApp, token: &str) -> Response {
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
async fn login_requires_a_verified_email_when_configured() {
    let app = strict().await;
    sign_up(&app, "ann").await;
    let response = app.log_in("ann", PASSWORD).await.expect(StatusCode::BAD_REQUEST);
    let body: Value = response.read();
    assert_eq!(
        (&body["error"], &body["detail"]),
        (&json!("invalid_grant"), &json!("The email address is not verified"))
    );
    let body: Value = app.log_in("ann", "kettle with a lid").await.read();
    assert_eq!(body["detail"], "Incorrect email or password", "a wrong password reveals nothing");

    let token = app.outbox.token("ann@example.com").await;
    assert_eq!(verify(&app, &token).await.ok::<Message>().message, "Email verified successfully");
    app.log_in("ann", PASSWORD).await.ok::<Token>();
    assert_eq!(verify(&app, &token).await.error(StatusCode::BAD_REQUEST), "Invalid token", "a token works once");
}

/// Following the link would verify an account that someone else created and knows the password of.
#[tokio::test]
async fn verification_mail_warns_other_recipients() {
    let app = strict().await;
    sign_up(&app, "ann").await;
    let mail = app.outbox.next("ann@example.com").await;
    assert!(mail.contains("If you did not sign up or change your address, do not follow the link"), "{mail}");
}

#[tokio::test]
async fn sign_up_without_required_verification_sends_no_mail() {
    let app = TestApp::start().await;
    sign_up(&app, "ann").await;
    app.log_in("ann", PASSWORD).await.ok::<Token>();
    assert!(app.outbox.unread().await.is_empty(), "no mail without required verification");

    // A user can still verify the address on request.
    app.anonymous().post("/email-verification", json!({ "email": "ann@example.com" })).await.expect(StatusCode::OK);
    verify(&app, &app.outbox.token("ann@example.com").await).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn new_verification_link_replaces_the_old_one() {
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
async fn new_email_is_used_after_its_verification() {
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

/// A link to a mistyped address must not give the account away.
#[tokio::test]
async fn changing_back_to_the_current_email_ends_the_link_to_the_new_one() {
    let app = strict().await;
    let ann = app.user("ann").await;
    ann.patch("/users/me", json!({ "email": "eve@example.org" })).await.ok::<UserRead>();
    let token = app.outbox.token("eve@example.org").await;
    ann.patch("/users/me", json!({ "email": "ann@example.com" })).await.ok::<UserRead>();
    assert_eq!(verify(&app, &token).await.error(StatusCode::BAD_REQUEST), "Invalid token");
    assert_eq!(ann.get("/users/me").await.ok::<UserRead>().email, "ann@example.com");
}

#[tokio::test]
async fn new_email_is_used_at_once_without_required_verification() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let changed: UserRead = ann.patch("/users/me", json!({ "email": "ann@example.org" })).await.ok();
    assert_eq!(changed.email, "ann@example.org");
    // The change has ended the link of the invitation, which was not mailed yet.
    let mails = app.outbox.unread().await;
    let [notice] = &mails[..] else { panic!("{mails:?}") };
    assert!(notice.contains("To: ann@example.com\r\n") && notice.contains("was changed"), "{notice}");
}

#[tokio::test]
async fn verification_fails_when_another_user_has_the_email() {
    let app = strict().await;
    let ann = app.user("ann").await;
    ann.patch("/users/me", json!({ "email": "bob@example.com" })).await.ok::<UserRead>();
    let token = app.outbox.token("bob@example.com").await;
    app.user("bob").await;
    verify(&app, &token).await.error(StatusCode::CONFLICT);
    assert_eq!(ann.get("/users/me").await.ok::<UserRead>().email, "ann@example.com");
}

/// An intruder may have requested a link to an address of their own.
#[tokio::test]
async fn logout_everywhere_and_deactivation_end_verification_links() {
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
