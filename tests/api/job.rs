//! Jobs: what is queued is done, however often things break.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use keel::core::clock::Clock;
use keel::core::database::begin_write;
use keel::entities::job::Model;
use keel::jobs::kinds::Job;
use keel::jobs::kinds::notification::Notification;
use keel::jobs::lease::{self, LeaseOptions};
use keel::jobs::queue::{self, Status};
use keel::jobs::worker::{work, work_off};
use keel::jobs::{Context, schedule};
use keel::mail::Mailer;
use keel::schemas::text::Email;
use keel::server::Readiness;
use keel::services::account::AccountContext;
use sea_orm::ConnectionTrait;
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::TestApp;
use crate::support::smtp::{Mood, Smtp};
use crate::support::socket::TIMEOUT;

fn notification(to: &str) -> Job {
    let to = Email::try_from(to.to_owned()).unwrap();
    Job::Notification(Notification { to, message: "hello".to_owned() })
}

async fn enqueue(app: &TestApp, job: &Job) -> Uuid {
    let transaction = begin_write(&app.state.db).await.unwrap();
    let id = queue::enqueue(&transaction, job, app.state.accounts.clock.now()).await.unwrap();
    transaction.commit().await.unwrap();
    app.state.accounts.job_signal.notify();
    id
}

async fn all(app: &TestApp, status: Status) -> Vec<Model> {
    queue::list(&app.state.db, status, 1000).await.unwrap()
}

/// Waits until so many jobs have the status.
async fn reaches(app: &TestApp, status: Status, count: u64) {
    let reached = async {
        while queue::count(&app.state.db, status).await.unwrap() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TIMEOUT, reached).await.expect("so many have it");
}

/// A worker's terms: a lease of half a minute.
fn terms() -> LeaseOptions {
    LeaseOptions { worker: Uuid::now_v7(), lease: TimeDelta::seconds(30), max_attempts: 3 }
}

#[tokio::test]
async fn what_is_not_committed_leaves_no_job() {
    let app = TestApp::start().await;
    let transaction = begin_write(&app.state.db).await.unwrap();
    queue::enqueue(&transaction, &Job::CleanUp, app.state.accounts.clock.now()).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(all(&app, Status::Queued).await.is_empty());
}

#[tokio::test]
async fn of_many_workers_one_runs_it() {
    let app = TestApp::start().await;
    for index in 0..60 {
        enqueue(&app, &notification(&format!("bob{index}@example.org"))).await;
    }
    let mut workers = Vec::new();
    for _ in 0..4 {
        let db = app.database.connect().await;
        let context =
            Context { accounts: AccountContext { db, ..(*app.jobs.accounts).clone() }.into(), ..app.jobs.clone() };
        workers.push(tokio::spawn(async move { work_off(&context, context.accounts.now()).await.unwrap() }));
    }
    for worker in workers {
        worker.await.unwrap();
    }
    let done = all(&app, Status::Done).await;
    assert_eq!(done.iter().map(|job| job.attempts).collect::<Vec<_>>(), [1; 60]);
    assert_eq!(app.outbox.unread().await.len(), 60);
}

#[tokio::test]
async fn the_urgent_ones_go_first_and_none_before_its_time() {
    let app = TestApp::start().await;
    let now = app.state.accounts.clock.now();
    let scheduled = queue::enqueue_once(&app.state.db, &Job::CleanUp, "one".to_owned(), now).await.unwrap();
    assert!(scheduled);
    let later = now + TimeDelta::minutes(1);
    assert!(queue::enqueue_once(&app.state.db, &Job::CleanUp, "another".to_owned(), later).await.unwrap());
    let first = enqueue(&app, &notification("ann@example.org")).await;
    let second = enqueue(&app, &notification("bob@example.org")).await;
    let taken = lease::claim(&app.state.db, &terms(), 10, app.state.accounts.clock.now()).await.unwrap();
    assert_eq!(
        taken.iter().map(|taken| taken.kind.as_str()).collect::<Vec<_>>(),
        ["notification", "notification", "clean_up"]
    );
    assert_eq!((taken[0].id, taken[1].id), (first, second));
}

#[tokio::test]
async fn what_fails_is_tried_again_ever_later_and_given_up_in_the_end() {
    let app = TestApp::with(|settings| settings.jobs.max_attempts = 3).await;
    // There can be no folder where there is a file.
    let file = tempfile::NamedTempFile::new().unwrap();
    let mailer = Mailer::into_folder(&app.state.settings.mail, file.path().to_owned()).unwrap();
    let broken = Context { mailer, ..app.jobs.clone() };
    let id = enqueue(&app, &notification("bob@example.org")).await;
    let mut waits = Vec::new();
    for attempt in 1..=3 {
        let now = app.state.accounts.clock.now();
        work_off(&broken, broken.accounts.now()).await.unwrap();
        let [job] = &[all(&app, Status::Queued).await, all(&app, Status::Dead).await].concat()[..] else { panic!() };
        assert_eq!((job.attempts, job.last_error.is_some()), (attempt, true));
        waits.push((job.run_at - now).num_milliseconds());
        // Not earlier.
        work_off(&app.jobs, app.jobs.accounts.now()).await.unwrap();
        app.travel(job.run_at - app.state.accounts.clock.now());
    }
    assert!((1000..4000).contains(&waits[0]) && (2000..8000).contains(&waits[1]), "{waits:?}");
    assert!(app.outbox.unread().await.is_empty());

    let dead = all(&app, Status::Dead).await;
    assert_eq!(dead.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
    let now = app.state.accounts.clock.now();
    assert_eq!(queue::retry(&app.state.db, &[Uuid::now_v7()], now).await.unwrap(), 0);
    assert_eq!(queue::retry(&app.state.db, &[id], now).await.unwrap(), 1);
    app.outbox.next("bob@example.org").await;
}

#[tokio::test]
async fn one_that_nobody_knows_harms_no_other() {
    let app = TestApp::start().await;
    let id = enqueue(&app, &notification("ann@example.org")).await;
    let unknown = r#"{"kind":"fly","payload":{}}"#;
    let statement = format!("UPDATE jobs SET kind = 'fly', payload = '{unknown}'");
    app.state.db.execute_unprepared(&statement).await.unwrap();
    enqueue(&app, &notification("bob@example.org")).await;
    app.outbox.next("bob@example.org").await;
    let dead = all(&app, Status::Dead).await;
    assert_eq!((dead[0].id, dead[0].attempts), (id, 1));
    assert!(dead[0].last_error.as_ref().unwrap().contains("fly"));
}

#[tokio::test]
async fn one_that_panics_harms_no_other() {
    let app = TestApp::start().await;
    enqueue(&app, &Job::CleanUp).await;
    enqueue(&app, &notification("bob@example.org")).await;
    // The worker asks for the time before it runs a job, and cleaning up while it runs.
    let (calls, clock) = (AtomicUsize::new(0), app.state.accounts.clock.clone());
    let clock = Clock::new(move || {
        assert_ne!(calls.fetch_add(1, Ordering::Relaxed), 1, "a panic of the test");
        clock.now()
    });
    let broken =
        Context { accounts: AccountContext { clock, ..(*app.jobs.accounts).clone() }.into(), ..app.jobs.clone() };
    work_off(&broken, broken.accounts.now()).await.unwrap();
    let queued = all(&app, Status::Queued).await;
    assert_eq!(queued[0].last_error.as_deref(), Some("it panicked"));
    app.outbox.next("bob@example.org").await;
}

#[tokio::test]
async fn the_job_of_a_worker_that_is_gone_is_taken_over() {
    let app = TestApp::start().await;
    let db = &app.state.db;
    enqueue(&app, &notification("bob@example.org")).await;
    let (gone, other) = (terms(), terms());
    let now = app.state.accounts.clock.now();
    let taken = lease::claim(db, &gone, 1, now).await.unwrap().remove(0);
    // While there are signs of life it is his.
    app.travel(TimeDelta::seconds(29));
    lease::extend(db, &gone, vec![taken.id], app.state.accounts.clock.now()).await.unwrap();
    app.travel(TimeDelta::seconds(29));
    // Of this one, and not of whatever else has his name.
    lease::extend(db, &gone, vec![Uuid::now_v7()], app.state.accounts.clock.now()).await.unwrap();
    assert_eq!(lease::reclaim_expired(db, &other, app.state.accounts.clock.now()).await.unwrap(), 0);
    let now = app.travel(TimeDelta::seconds(2));
    assert_eq!(lease::reclaim_expired(db, &other, now).await.unwrap(), 1);
    let again = lease::claim(db, &other, 1, now).await.unwrap().remove(0);
    assert_eq!((again.id, again.attempt), (taken.id, 2));
    // He has no say any more, should he wake up.
    lease::done(db, &taken, now).await.unwrap();
    lease::failed(db, &gone, &taken, ("too late", true), now).await.unwrap();
    assert_eq!(all(&app, Status::Running).await.len(), 1);
    lease::done(db, &again, now).await.unwrap();
    assert_eq!(all(&app, Status::Done).await.len(), 1);
}

#[tokio::test]
async fn one_that_kills_its_workers_is_given_up() {
    let app = TestApp::start().await;
    enqueue(&app, &Job::CleanUp).await;
    for _ in 0..3 {
        let now = app.state.accounts.clock.now();
        assert_eq!(lease::claim(&app.state.db, &terms(), 1, now).await.unwrap().len(), 1);
        let now = app.travel(TimeDelta::seconds(31));
        lease::reclaim_expired(&app.state.db, &terms(), now).await.unwrap();
    }
    assert_eq!(all(&app, Status::Dead).await[0].attempts, 3);
}

#[tokio::test]
async fn a_worker_that_stops_finishes_what_it_can_and_leaves_the_rest() {
    let smtp = Smtp::start(Mood::Good).await;
    let url = smtp.url();
    let app = TestApp::with(|settings| {
        settings.mail.smtp_url = Some(url.into());
        settings.jobs.concurrency = 2;
    })
    .await;
    let mailer = Mailer::new(&app.state.settings.mail).unwrap();
    let context = Context { mailer, shutdown_grace: Duration::ZERO, ..app.jobs.clone() };
    let readiness = Readiness::default();
    let worker = tokio::spawn(work(context, readiness.clone()));
    enqueue(&app, &notification("ann@example.org")).await;
    reaches(&app, Status::Done, 1).await;
    smtp.mood.send_replace(Mood::Silent);
    for index in 0..3 {
        enqueue(&app, &notification(&format!("bob{index}@example.org"))).await;
    }
    reaches(&app, Status::Running, 2).await;
    readiness.drain();
    timeout(TIMEOUT, worker).await.expect("it stops").unwrap();
    let queued = all(&app, Status::Queued).await;
    assert_eq!(queued.iter().map(|job| job.attempts).collect::<Vec<_>>(), [0, 0, 0]);
    assert!(queued.iter().all(|job| job.worker_id.is_none()));
}

#[tokio::test]
async fn each_time_of_the_schedule_is_queued_once() {
    let app = TestApp::start().await;
    let (db, other) = (&app.state.db, app.database.connect().await);
    let at = |text: &str| -> DateTime<Utc> { text.parse().unwrap() };
    let (before, after) = (at("2026-03-01T10:06:59Z"), at("2026-03-01T10:07:01Z"));
    assert_eq!(schedule::enqueue_due(db, at("2026-03-01T10:00:00Z"), before).await.unwrap(), 0);
    let both = tokio::join!(schedule::enqueue_due(db, before, after), schedule::enqueue_due(&other, before, after));
    assert_eq!(both.0.unwrap() + both.1.unwrap(), 1);
    assert_eq!(schedule::enqueue_due(db, after, at("2026-03-01T11:06:00Z")).await.unwrap(), 0);
    // Of those that were missed, one.
    assert_eq!(schedule::enqueue_due(db, after, at("2026-03-01T15:06:00Z")).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_past_is_deleted_and_nothing_else() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    app.travel(TimeDelta::days(13));
    app.log_in("ann", crate::support::app::PASSWORD).await.ok::<serde_json::Value>();
    enqueue(&app, &notification("bob@example.org")).await;
    app.outbox.next("bob@example.org").await;
    let rows = async |table: &str| {
        let query = format!("SELECT count(*) AS count FROM {table}");
        let row =
            app.state.db.query_one_raw(sea_orm::Statement::from_string(app.state.db.get_database_backend(), query));
        row.await.unwrap().unwrap().try_get::<i64>("", "count").unwrap()
    };
    assert_eq!((rows("sessions").await, rows("email_tokens").await, rows("jobs").await), (2, 1, 2));
    app.travel(TimeDelta::days(2));
    enqueue(&app, &Job::CleanUp).await;
    work_off(&app.jobs, app.jobs.accounts.now()).await.unwrap();
    // The session that was opened two weeks ago is over, the one of two days ago is not.
    assert_eq!((rows("sessions").await, rows("email_tokens").await, rows("jobs").await), (1, 0, 1));
    assert_eq!(rows("users").await, 1);
    drop(ann);
}

#[tokio::test]
async fn a_job_holds_no_secret() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = serde_json::json!({ "email": "ann@example.com" });
    app.anonymous().post("/password-recovery", body).await.ok::<serde_json::Value>();
    let token = app.outbox.token("ann@example.com").await;
    let payloads: HashSet<String> = all(&app, Status::Done).await.into_iter().map(|job| job.payload).collect();
    assert!(payloads.len() >= 2 && !payloads.iter().any(|payload| payload.contains(&token)), "{payloads:?}");
    drop(ann);
}
