//! Links in mails, between the request and the mail.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::core::config::MailSettings;
use keel::entities::{email_token, email_token_hash};
use keel::jobs::Context;
use keel::jobs::queue::{self, Status};
use keel::jobs::worker::run_due_jobs;
use keel::mail::Mailer;
use keel::schemas::user::UserRead;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::outbox::token_in;
use crate::support::smtp::{Mood, Smtp, message_id};
use crate::support::{Client, Response, TestApp};

async fn strict() -> TestApp {
    TestApp::with(|settings| settings.auth.require_verified_email = true).await
}

/// A user whose invitation is mailed already.
async fn user(app: &TestApp, name: &str) -> Client {
    let user = app.user(name).await;
    app.outbox.unread().await;
    user
}

async fn recover(app: &TestApp, email: &str) {
    app.anonymous().post("/password-recovery", json!({ "email": email })).await.expect(StatusCode::OK);
}

async fn reset(app: &TestApp, token: &str) -> Response {
    let body = json!({ "token": token, "new_password": "kettle with a lid" });
    app.anonymous().post("/reset-password", body).await
}

/// With a stolen session or a mail server that is down, the request may come long before the mail.
#[tokio::test]
async fn link_that_ended_before_its_job_ran_is_not_mailed() {
    let app = strict().await;
    let root = app.superuser("root").await;
    for end in ["logout", "password", "email", "deactivation", "deletion"] {
        let ann = user(&app, end).await;
        let (email, path) = (format!("{end}@example.com"), format!("/users/{}", ann.id()));
        recover(&app, &email.to_uppercase()).await;
        ann.patch("/users/me", json!({ "email": format!("{end}@example.org") })).await.ok::<UserRead>();
        let passwords = json!({ "current_password": PASSWORD, "new_password": "kettle with a lid" });
        let ended = match end {
            "logout" => ann.send(Method::POST, "/logout/all", &[], "".into()).await,
            "password" => ann.patch("/users/me/password", passwords).await,
            "email" => root.patch(&path, json!({ "email": format!("{end}@example.net") })).await,
            "deactivation" => root.patch(&path, json!({ "is_active": false })).await,
            _ => root.delete(&path).await,
        };
        assert!(ended.status.is_success(), "{end}");
        let links = app.outbox.links().await;
        assert!(links.is_empty(), "{end}: {links:?}");
    }
}

#[tokio::test]
async fn only_the_newest_requested_link_works() {
    let app = strict().await;
    let ann = user(&app, "ann").await;
    for _ in 0..3 {
        recover(&app, "ann@example.com").await;
    }
    for domain in ["org", "net"] {
        ann.patch("/users/me", json!({ "email": format!("ann@example.{domain}") })).await.ok::<UserRead>();
    }
    let links = app.outbox.links().await;
    assert_eq!(links.len(), 2, "{links:?}");
    let new_email = links.iter().find(|mail| mail.contains("To: ann@example.net\r\n")).unwrap();
    let body = json!({ "token": token_in(new_email) });
    app.anonymous().post("/verify-email", body).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn link_that_expired_before_its_job_ran_is_not_mailed() {
    let app = TestApp::start().await;
    user(&app, "ann").await;
    recover(&app, "ann@example.com").await;
    app.travel(TimeDelta::seconds(3600));
    assert!(app.outbox.links().await.is_empty());
}

/// An older request may be retried after a newer one has been mailed.
#[tokio::test]
async fn retry_of_an_older_request_keeps_the_newer_link() {
    let app = TestApp::start().await;
    user(&app, "ann").await;
    let broken = broken_mailer(&app);
    recover(&app, "ann@example.com").await;
    run_due_jobs(&broken, broken.accounts.now()).await.unwrap();
    recover(&app, "ann@example.com").await;
    let newer = app.outbox.token("ann@example.com").await;

    app.travel(TimeDelta::minutes(1));
    assert!(app.outbox.links().await.is_empty(), "the older link is not mailed any more");
    assert!(queue::list(&app.state.db, Status::Queued, 10).await.unwrap().is_empty());
    reset(&app, &newer).await.expect(StatusCode::OK);
}

/// A mailer that cannot write: its folder is a file.
fn broken_mailer(app: &TestApp) -> Context {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mailer = Mailer::into_folder(&app.state.settings.mail, file.into()).unwrap();
    Context { mailer, ..app.jobs.clone() }
}

/// The server took the mail, but the connection broke before it said so.
#[tokio::test]
async fn retried_mail_has_the_same_message_id_and_earlier_tokens_stay_valid() {
    let app = TestApp::start().await;
    user(&app, "ann").await;
    let smtp = Smtp::start(Mood::Forgetful).await;
    let settings = MailSettings { smtp_url: Some(smtp.url().into()), ..app.state.settings.mail.clone() };
    let jobs = Context { mailer: Mailer::new(&settings).unwrap(), ..app.jobs.clone() };
    for first in [true, false] {
        let sent = smtp.mails(0).await.len();
        smtp.mood.send(Mood::Forgetful).unwrap();
        recover(&app, "ann@example.com").await;
        run_due_jobs(&jobs, jobs.accounts.now()).await.unwrap();
        smtp.mood.send(Mood::Good).unwrap();
        app.travel(TimeDelta::minutes(1));
        run_due_jobs(&jobs, jobs.accounts.now()).await.unwrap();
        let mails = smtp.mails(sent + 2).await;
        let [early, late] = &mails[sent..] else { panic!("{mails:?}") };
        assert_eq!(message_id(early), message_id(late));
        assert_ne!(token_in(early), token_in(late));

        let (used, other) = if first { (early, late) } else { (late, early) };
        reset(&app, &token_in(used)).await.expect(StatusCode::OK);
        assert_eq!(reset(&app, &token_in(other)).await.error(StatusCode::BAD_REQUEST), "Invalid token");
    }
}

#[tokio::test]
async fn request_for_an_unknown_address_leaves_the_same_rows() {
    let app = TestApp::start().await;
    user(&app, "ann").await;
    for route in ["/password-recovery", "/email-verification"] {
        let mut rows = Vec::new();
        for email in ["ann@example.com", "unknown@example.com"] {
            let before = email_token::Entity::find().count(&app.state.db).await.unwrap();
            app.anonymous().post(route, json!({ "email": email })).await.expect(StatusCode::OK);
            let after = email_token::Entity::find().count(&app.state.db).await.unwrap();
            rows.push((after - before, queue::count(&app.state.db, Status::Queued).await.unwrap()));
            app.outbox.unread().await;
        }
        assert_eq!(rows, [(1, 1), (1, 1)], "{route}");
    }
}

#[tokio::test]
async fn no_token_is_stored_or_queued() {
    let app = TestApp::start().await;
    user(&app, "ann").await;
    recover(&app, "ann@example.com").await;
    let queued = queue::list(&app.state.db, Status::Queued, 10).await.unwrap();
    assert_eq!(email_token_hash::Entity::find().count(&app.state.db).await.unwrap(), 0);
    let token = app.outbox.token("ann@example.com").await;
    assert!(queued.iter().all(|job| !job.payload.contains(&token)), "{queued:?}");
    let hashes = email_token_hash::Entity::find().all(&app.state.db).await.unwrap();
    assert!(hashes.iter().all(|row| row.token_hash != token), "{hashes:?}");
}

#[tokio::test]
async fn html_mail_shows_links_unescaped() {
    let app = TestApp::with(|settings| settings.mail.frontend_url = "https://app.example.com".into()).await;
    user(&app, "ann").await;
    recover(&app, "ann@example.com").await;
    let mail = app.outbox.next("ann@example.com").await;
    let link = format!("href=\"https://app.example.com/reset-password?token={}\"", token_in(&mail));
    assert!(mail.contains(&link), "{mail}");
}

#[tokio::test]
async fn mails_are_not_sent_to_inactive_users() {
    let app = TestApp::start().await;
    let (ann, root) = (user(&app, "ann").await, app.superuser("root").await);
    app.outbox.unread().await;
    root.patch(&format!("/users/{}", ann.id()), json!({ "is_active": false })).await.ok::<Value>();
    recover(&app, "ann@example.com").await;
    assert!(app.outbox.unread().await.is_empty());
}
