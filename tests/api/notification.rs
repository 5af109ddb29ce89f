//! Notifications, and how mails look and arrive.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::core::config::Settings;
use keel::jobs::Context;
use keel::jobs::queue::{self, Status};
use keel::jobs::worker::run_due_jobs;
use keel::mail::Mailer;
use serde_json::json;

use crate::permissions::{Permissions, row};
use crate::support::smtp::{Mood, Smtp, message_id};
use crate::support::{Client, TestApp};

async fn notify(client: &Client, email: &str, message: &str) {
    client.post("/notifications", json!({ "email": email, "message": message })).await.expect(StatusCode::ACCEPTED);
}

/// An application that sends mails to this server, and the context of its jobs.
async fn with(smtp: &Smtp) -> (TestApp, Context) {
    let url = smtp.url();
    let app = TestApp::with(|settings: &mut Settings| settings.mail.smtp_url = Some(url.into())).await;
    let mailer = Mailer::new(&app.state.settings.mail).unwrap();
    let context = Context { mailer, ..app.jobs.clone() };
    (app, context)
}

#[tokio::test]
async fn html_mail_escapes_the_text_of_users() {
    let app = TestApp::start().await;
    let body = json!({ "email": "ann@example.com", "message": "<b>&\"hello\"</b>" });
    app.user("ann").await.post("/notifications", body).await.expect(StatusCode::ACCEPTED);
    let mail = app.outbox.next("ann@example.com").await;
    let (_, html) = mail.split_once("<!doctype html>").unwrap();
    assert!(html.contains("&lt;b&gt;&amp;") && !html.contains("<b>"), "{html}");
}

#[tokio::test]
async fn notification_is_mailed_after_the_response() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    notify(&root, "bob@example.org", "See you <at> the\nharbour & bring \"tea\".").await;
    let mail = app.outbox.next("bob@example.org").await;
    assert!(mail.contains("See you <at> the\r\nharbour & bring \"tea\"."), "{mail}");
    assert!(mail.contains("See you &lt;at&gt; the\r\nharbour &amp; bring &quot;tea&quot;."), "{mail}");
    assert!(mail.contains("Subject: A message for you\r\n"), "{mail}");
}

#[tokio::test]
async fn notification_cannot_inject_mail_headers() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for email in
        ["bob@example.org\r\nBcc: eve@example.com", "bob@example.org, eve@example.com", "Bob <bob@example.org>"]
    {
        let problems = root.post("/notifications", json!({ "email": email, "message": "hello" })).await.problems();
        assert_eq!(problems, ["body.email: value_error"]);
    }
    notify(&root, "bob@example.org", "\n\nBcc: eve@example.com\nSubject: another\n.\n").await;
    let mail = app.outbox.next("bob@example.org").await;
    let (head, _) = mail.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("eve") && !head.contains("another"), "{head}");
}

// only with idempotency
#[tokio::test]
async fn repeated_request_with_idempotency_key_is_mailed_once() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "once")];
    for _ in 0..3 {
        let body = Body::from(r#"{ "email": "bob@example.org", "message": "hello" }"#);
        let response = root.send(Method::POST, "/notifications", &headers, body).await;
        response.expect(StatusCode::ACCEPTED);
    }
    app.outbox.next("bob@example.org").await;
    assert_eq!(queue::count(&app.state.db, Status::Done).await.unwrap(), 1);
}

#[tokio::test]
async fn notifications_over_quota_get_429() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 2;
    })
    .await;
    let root = app.superuser("root").await;
    for index in 0..2 {
        notify(&root, &format!("bob{index}@example.org"), "hello").await;
    }
    let body = json!({ "email": "bob@example.org", "message": "hello" });
    root.post("/notifications", body).await.error(StatusCode::TOO_MANY_REQUESTS);
    notify(&app.superuser("cleo").await, "bob@example.org", "hello").await;
}

#[tokio::test]
async fn notification_is_sent_over_smtp() {
    let smtp = Smtp::start(Mood::Good).await;
    let (app, context) = with(&smtp).await;
    assert!(context.mailer.is_reachable().await);
    notify(&app.superuser("root").await, "bob@example.org", "hello\n.\nthere").await;
    run_due_jobs(&context, context.accounts.now()).await.unwrap();
    let mail = smtp.mails(1).await.remove(0);
    assert!(mail.contains("To: bob@example.org"), "{mail}");
    assert!(mail.contains("From: Keel <noreply@localhost>") && mail.contains("\r\nhello\r\n..\r\nthere"), "{mail}");
}

#[tokio::test]
async fn every_mail_survives_smtp_failures_and_keeps_its_message_id() {
    let smtp = Smtp::start(Mood::Gone).await;
    let (app, context) = with(&smtp).await;
    let root = app.superuser("root").await;
    assert!(!context.mailer.is_reachable().await);
    for index in 0..5 {
        notify(&root, &format!("bob{index}@example.org"), "hello").await;
    }
    for mood in [Mood::Gone, Mood::Forgetful, Mood::Locked, Mood::Good] {
        smtp.mood.send_replace(mood);
        run_due_jobs(&context, context.accounts.now()).await.unwrap();
        app.travel(TimeDelta::hours(1));
    }
    assert_eq!(queue::count(&app.state.db, Status::Done).await.unwrap(), 5);
    let mails = smtp.mails(10).await;
    for index in 0..5 {
        let to = format!("To: bob{index}@example.org");
        let ids: Vec<_> = mails.iter().filter(|mail| mail.contains(&to)).map(|mail| message_id(mail)).collect();
        assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    }
}

#[tokio::test]
async fn permanently_refused_mail_is_not_retried() {
    let smtp = Smtp::start(Mood::Strict).await;
    let (app, context) = with(&smtp).await;
    notify(&app.superuser("root").await, "bob@example.org", "hello").await;
    run_due_jobs(&context, context.accounts.now()).await.unwrap();
    let dead = queue::list(&app.state.db, Status::Dead, 10).await.unwrap();
    assert_eq!(dead.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1]);
    assert!(dead[0].last_error.as_ref().unwrap().contains("no such mailbox"), "{dead:?}");
}

#[tokio::test]
async fn user_notifies_own_address_only() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    for email in ["bob@example.org", "ann@example.com.example.org", "root@example.com"] {
        let body = json!({ "email": email, "message": "hello" });
        ann.post("/notifications", body).await.error(StatusCode::FORBIDDEN);
    }
    notify(&ann, "Ann@Example.com", "hello").await;
    assert!(app.outbox.next("Ann@Example.com").await.contains("hello"));
    notify(&root, "bob@example.org", "hello").await;
    assert!(app.outbox.next("bob@example.org").await.contains("hello"));
}

// only with idempotency
#[tokio::test]
async fn repeated_request_with_idempotency_key_uses_no_quota() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 2;
    })
    .await;
    let ann = app.user("ann").await;
    let send = async |key: &str, message: &str| {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        let body = json!({ "email": "ann@example.com", "message": message }).to_string();
        ann.send(Method::POST, "/notifications", &headers, body.into()).await
    };
    for _ in 0..5 {
        send("one", "hello").await.expect(StatusCode::ACCEPTED);
    }
    for _ in 0..5 {
        send("two", "hello").await.expect(StatusCode::ACCEPTED);
    }
    send("three", "hello").await.error(StatusCode::TOO_MANY_REQUESTS);
    send("one", "hello").await.expect(StatusCode::ACCEPTED);
    // Not the same request.
    send("one", "bye").await.error(StatusCode::TOO_MANY_REQUESTS);
}

const MESSAGE: &str = r#"{ "email": "OWNER@example.com", "message": "hello" }"#;

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("notifications-create_notification", MESSAGE, [401, 202, 403, 202]),
    ],
    placeholders: &[],
};
