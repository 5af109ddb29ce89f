//! Mail servers that are slow, silent or away.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use keel::jobs::Context;
use keel::jobs::kinds::{Job, MAIL_KINDS};
use keel::jobs::queue::{self, Status};
use keel::jobs::worker::{run_due_jobs, work};
use keel::mail::Mailer;
use keel::server::Readiness;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use super::{enqueue, mail, wait_for, with_status};
use crate::support::TestApp;
use crate::support::smtp::{Mood, Smtp};
use crate::support::socket::TIMEOUT;

/// An application with this mail server, and what its jobs need.
async fn with_server(smtp: &Smtp, timeout_seconds: u64) -> (TestApp, Context) {
    let url = smtp.url();
    let app = TestApp::with(|settings| {
        settings.mail.smtp_url = Some(url.into());
        settings.mail.timeout_seconds = timeout_seconds;
        settings.jobs.concurrency = 4;
    })
    .await;
    let mailer = Mailer::new(&app.state.settings.mail).unwrap();
    let context = Context { mailer, shutdown_grace: Duration::ZERO, ..app.jobs.clone() };
    (app, context)
}

async fn stop(worker: JoinHandle<()>, readiness: &Readiness) {
    readiness.drain();
    timeout(TIMEOUT, worker).await.expect("the worker stops").unwrap();
}

#[test]
fn every_kind_of_job_that_sends_a_mail_is_a_mail_kind() {
    let jobs = [
        json!({ "kind": "clean_up" }),
        json!({ "kind": "email_change_notice", "payload": { "to": "ann@example.org", "is_done": true } }),
        json!({ "kind": "email_token", "payload": { "id": Uuid::nil(), "link": "new_account", "client": {} } }),
        json!({ "kind": "notification", "payload": { "to": "ann@example.org", "message": "x" } }), // only with notifications
    ];
    let sends_mail = |job: &serde_json::Value| match serde_json::from_value(job.clone()).unwrap() {
        Job::CleanUp => false,
        Job::EmailChangeNotice(_) | Job::EmailToken(_) | Job::Notification(_) => true,
    };
    let kinds = jobs.iter().filter(|job| sends_mail(job)).map(|job| job["kind"].as_str().unwrap());
    assert_eq!(kinds.collect::<Vec<_>>(), MAIL_KINDS);
}

#[tokio::test]
async fn mails_to_a_silent_server_leave_slots_for_other_jobs() {
    let smtp = Smtp::start(Mood::Silent).await;
    let (app, context) = with_server(&smtp, 300).await;
    for index in 0..8 {
        enqueue(&app, &mail(&format!("bob{index}@example.org"))).await;
    }
    let readiness = Readiness::default();
    let worker = tokio::spawn(work(context, readiness.clone()));
    wait_for(&app, Status::Running, 3).await;
    enqueue(&app, &Job::CleanUp).await;
    wait_for(&app, Status::Done, 1).await;
    assert_eq!(with_status(&app, Status::Running).await.len(), 3);
    assert_eq!(with_status(&app, Status::Queued).await.len(), 5);
    stop(worker, &readiness).await;
}

#[tokio::test]
async fn mail_to_a_server_that_hangs_fails_within_the_timeout() {
    for mood in [Mood::Silent, Mood::HangsAfterData] {
        let smtp = Smtp::start(mood).await;
        let (app, context) = with_server(&smtp, 1).await;
        enqueue(&app, &mail("bob@example.org")).await;
        let started = Instant::now();
        run_due_jobs(&context, app.state.accounts.now()).await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        let job = with_status(&app, Status::Queued).await.remove(0);
        assert_eq!(job.last_error.as_deref(), Some("the mail server does not respond in time"));
        // The next mail has a connection of its own.
        smtp.mood.send_replace(Mood::Good);
        enqueue(&app, &mail("ann@example.org")).await;
        run_due_jobs(&context, app.state.accounts.now()).await.unwrap();
        assert!(smtp.mails(1).await.last().unwrap().contains("To: ann@example.org"));
    }
}

#[tokio::test]
async fn mail_held_up_by_an_outage_leaves_within_a_minute_of_its_end() {
    let smtp = Smtp::start(Mood::Gone).await;
    let (app, context) = with_server(&smtp, 15).await;
    let id = enqueue(&app, &mail("bob@example.org")).await;
    // Many more attempts than `jobs.max_attempts`.
    for _ in 0..50 {
        run_due_jobs(&context, app.state.accounts.now()).await.unwrap();
        let job = with_status(&app, Status::Queued).await.remove(0);
        assert_eq!(job.attempts, 0);
        let delay = job.run_at - app.state.accounts.now();
        assert!(delay <= TimeDelta::seconds(45), "{delay}");
        app.travel(TimeDelta::seconds(46));
    }
    smtp.mood.send_replace(Mood::Good);
    run_due_jobs(&context, app.state.accounts.now()).await.unwrap();
    assert_eq!(with_status(&app, Status::Done).await[0].id, id);
}

#[tokio::test]
async fn dead_mail_that_is_retried_waits_for_three_more_days() {
    let smtp = Smtp::start(Mood::Gone).await;
    let (app, context) = with_server(&smtp, 15).await;
    let id = enqueue(&app, &mail("bob@example.org")).await;
    let run = async || run_due_jobs(&context, app.state.accounts.now()).await.unwrap();
    app.travel(TimeDelta::days(3));
    run().await;
    assert_eq!(with_status(&app, Status::Dead).await[0].id, id);

    assert_eq!(queue::retry(&app.state.db, &[id], app.state.accounts.now()).await.unwrap(), 1);
    run().await;
    assert_eq!(with_status(&app, Status::Queued).await[0].id, id);
    app.travel(TimeDelta::days(3));
    run().await;
    assert_eq!(with_status(&app, Status::Dead).await[0].id, id);
}

#[tokio::test]
async fn mail_that_the_server_refuses_is_dead_and_one_of_a_wrong_login_is_not() {
    let smtp = Smtp::start(Mood::Strict).await;
    let (app, context) = with_server(&smtp, 15).await;
    let refused = enqueue(&app, &mail("ann@example.org")).await;
    run_due_jobs(&context, app.state.accounts.now()).await.unwrap();
    assert_eq!(with_status(&app, Status::Dead).await[0].id, refused);
    smtp.mood.send_replace(Mood::Locked);
    let held = enqueue(&app, &mail("bob@example.org")).await;
    run_due_jobs(&context, app.state.accounts.now()).await.unwrap();
    assert_eq!(with_status(&app, Status::Queued).await[0].id, held);
}
