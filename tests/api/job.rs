//! The job queue and its worker.

mod lease;
mod mail;
mod schedule;

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use keel::core::clock::Clock;
use keel::core::database::begin_write;
use keel::entities::job::Model;
use keel::jobs::Context;
use keel::jobs::kinds::Job;
use keel::jobs::kinds::email_change_notice::EmailChangeNotice;
use keel::jobs::lease::{Kinds, LeaseOptions, claim};
use keel::jobs::queue::{self, Status};
use keel::jobs::worker::{run_due_jobs, work};
use keel::mail::Mailer;
use keel::server::Readiness;
use keel::services::account::AccountContext;
use sea_orm::ConnectionTrait;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::TestApp;
use crate::support::smtp::{Mood, Smtp};
use crate::support::socket::TIMEOUT;

/// A job that sends a mail.
fn mail(to: &str) -> Job {
    Job::EmailChangeNotice(EmailChangeNotice { to: to.to_owned(), is_done: true })
}

async fn enqueue(app: &TestApp, job: &Job) -> Uuid {
    let transaction = begin_write(&app.state.db).await.unwrap();
    let id = queue::enqueue(&transaction, job, app.state.accounts.clock.now()).await.unwrap();
    transaction.commit().await.unwrap();
    app.state.accounts.job_signal.notify();
    id
}

async fn with_status(app: &TestApp, status: Status) -> Vec<Model> {
    queue::list(&app.state.db, status, 1000).await.unwrap()
}

/// Waits until this number of jobs has the status.
async fn wait_for(app: &TestApp, status: Status, count: u64) {
    let reached = async {
        while queue::count(&app.state.db, status).await.unwrap() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TIMEOUT, reached).await.expect("jobs reach the status");
}

/// A worker whose leases last half a minute.
fn worker() -> LeaseOptions {
    LeaseOptions { worker: Uuid::now_v7(), lease: TimeDelta::seconds(30), max_attempts: 3 }
}

#[tokio::test]
async fn job_of_a_transaction_that_is_rolled_back_is_not_queued() {
    let app = TestApp::start().await;
    let transaction = begin_write(&app.state.db).await.unwrap();
    queue::enqueue(&transaction, &Job::CleanUp, app.state.accounts.clock.now()).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(with_status(&app, Status::Queued).await.is_empty());
}

#[tokio::test]
async fn many_workers_run_each_job_once() {
    let app = TestApp::start().await;
    for index in 0..60 {
        enqueue(&app, &mail(&format!("bob{index}@example.org"))).await;
    }
    let mut workers = Vec::new();
    for _ in 0..4 {
        let db = app.database.connect().await;
        let context =
            Context { accounts: AccountContext { db, ..(*app.jobs.accounts).clone() }.into(), ..app.jobs.clone() };
        workers.push(tokio::spawn(async move { run_due_jobs(&context, context.accounts.now()).await.unwrap() }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let done = with_status(&app, Status::Done).await;
    assert_eq!(done.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1; 60]);
    assert_eq!(app.outbox.unread().await.len(), 60);
}

#[tokio::test]
async fn jobs_are_claimed_by_priority_and_none_before_its_time() {
    let app = TestApp::start().await;
    let now = app.state.accounts.clock.now();
    let scheduled = enqueue(&app, &Job::CleanUp).await;
    let update = "UPDATE jobs SET priority = -10";
    app.state.db.execute_unprepared(update).await.unwrap();
    let transaction = begin_write(&app.state.db).await.unwrap();
    queue::enqueue(&transaction, &Job::CleanUp, now + TimeDelta::minutes(1)).await.unwrap();
    transaction.commit().await.unwrap();
    let first = enqueue(&app, &mail("ann@example.org")).await;
    let second = enqueue(&app, &mail("bob@example.org")).await;
    let now = app.state.accounts.clock.now();
    let claimed = claim(&app.state.db, &worker(), 10, Kinds::All, now).await.unwrap();
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [first, second, scheduled]);
}

#[tokio::test]
async fn worker_claims_no_more_jobs_than_it_asks_for() {
    let app = TestApp::start().await;
    enqueue(&app, &Job::CleanUp).await;
    // Statistics of a table with one row: PostgreSQL would plan a loop over the subquery.
    app.state.db.execute_unprepared("ANALYZE jobs").await.unwrap();
    for _ in 0..40 {
        enqueue(&app, &Job::CleanUp).await;
    }
    let now = app.state.accounts.clock.now();
    assert_eq!(claim(&app.state.db, &worker(), 6, Kinds::All, now).await.unwrap().len(), 6);
    assert_eq!(with_status(&app, Status::Queued).await.len(), 35);
}

#[tokio::test]
async fn failed_job_is_retried_with_backoff_and_then_dead() {
    let app = TestApp::with(|settings| settings.jobs.max_attempts = 3).await;
    // The mailer cannot create a folder where a file is.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mailer = Mailer::into_folder(&app.state.settings.mail, file.path().to_owned()).unwrap();
    let broken = Context { mailer, ..app.jobs.clone() };
    let id = enqueue(&app, &mail("bob@example.org")).await;
    let mut delays = Vec::new();
    for attempt in 1..=3 {
        let now = app.state.accounts.clock.now();
        run_due_jobs(&broken, broken.accounts.now()).await.unwrap();
        let [job] = &[with_status(&app, Status::Queued).await, with_status(&app, Status::Dead).await].concat()[..]
        else {
            panic!()
        };
        assert_eq!((job.attempts, job.last_error.is_some()), (attempt, true));
        delays.push((job.run_at - now).num_milliseconds());
        // It does not run earlier.
        run_due_jobs(&app.jobs, app.jobs.accounts.now()).await.unwrap();
        app.travel(job.run_at - app.state.accounts.clock.now());
    }
    assert!((1000..4000).contains(&delays[0]) && (2000..8000).contains(&delays[1]), "{delays:?}");
    assert!(app.outbox.unread().await.is_empty());

    let dead = with_status(&app, Status::Dead).await;
    assert_eq!(dead.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
    let now = app.state.accounts.clock.now();
    assert_eq!(queue::retry(&app.state.db, &[Uuid::now_v7()], now).await.unwrap(), 0);
    assert_eq!(queue::retry(&app.state.db, &[id], now).await.unwrap(), 1);
    app.outbox.next("bob@example.org").await;
}

#[tokio::test]
async fn job_of_an_unknown_kind_is_dead_and_others_run() {
    let app = TestApp::start().await;
    let id = enqueue(&app, &mail("ann@example.org")).await;
    let unknown = r#"{"kind":"fly","payload":{}}"#;
    let statement = format!("UPDATE jobs SET kind = 'fly', payload = '{unknown}'");
    app.state.db.execute_unprepared(&statement).await.unwrap();
    enqueue(&app, &mail("bob@example.org")).await;
    app.outbox.next("bob@example.org").await;
    let dead = with_status(&app, Status::Dead).await;
    assert_eq!((dead[0].id, dead[0].attempts), (id, 1));
    assert!(dead[0].last_error.as_ref().unwrap().contains("fly"));
}

#[tokio::test]
async fn job_that_panics_is_retried_and_others_run() {
    let app = TestApp::start().await;
    enqueue(&app, &Job::CleanUp).await;
    enqueue(&app, &mail("bob@example.org")).await;
    // The first call is `run_due_jobs`'s own, the second one is in the job.
    let (calls, clock) = (AtomicUsize::new(0), app.state.accounts.clock.clone());
    let clock = Clock::new(move || {
        assert_ne!(calls.fetch_add(1, Ordering::Relaxed), 1, "a panic of the test");
        clock.now()
    });
    let broken =
        Context { accounts: AccountContext { clock, ..(*app.jobs.accounts).clone() }.into(), ..app.jobs.clone() };
    run_due_jobs(&broken, broken.accounts.now()).await.unwrap();
    let queued = with_status(&app, Status::Queued).await;
    assert_eq!(queued[0].last_error.as_deref(), Some("panicked"));
    app.outbox.next("bob@example.org").await;
}

#[tokio::test]
async fn stopping_worker_returns_unfinished_jobs_to_the_queue() {
    let smtp = Smtp::start(Mood::Good).await;
    let url = smtp.url();
    let app = TestApp::with(|settings| {
        settings.mail.smtp_url = Some(url.into());
        settings.jobs.concurrency = 4;
    })
    .await;
    let mailer = Mailer::new(&app.state.settings.mail).unwrap();
    let context = Context { mailer, shutdown_grace: Duration::ZERO, ..app.jobs.clone() };
    let readiness = Readiness::default();
    let running = tokio::spawn(work(context, readiness.clone()));
    enqueue(&app, &mail("ann@example.org")).await;
    wait_for(&app, Status::Done, 1).await;
    smtp.mood.send_replace(Mood::Silent);
    for index in 0..4 {
        enqueue(&app, &mail(&format!("bob{index}@example.org"))).await;
    }
    wait_for(&app, Status::Running, 3).await;
    readiness.drain();
    timeout(TIMEOUT, running).await.expect("the worker stops").unwrap();
    let queued = with_status(&app, Status::Queued).await;
    assert_eq!(queued.iter().map(|job| job.attempts).collect::<Vec<_>>(), [0; 4]);
    assert!(queued.iter().all(|job| job.worker_id.is_none()));
}

#[tokio::test]
async fn job_payloads_contain_no_secret() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let body = serde_json::json!({ "email": "ann@example.com" });
    app.anonymous().post("/password-recovery", body).await.ok::<serde_json::Value>();
    let token = app.outbox.token("ann@example.com").await;
    let payloads: HashSet<String> = with_status(&app, Status::Done).await.into_iter().map(|job| job.payload).collect();
    assert!(!payloads.is_empty() && !payloads.iter().any(|payload| payload.contains(&token)), "{payloads:?}");
}
