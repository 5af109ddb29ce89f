//! Jobs at fixed times.

use chrono::{DateTime, Utc};
use keel::jobs::queue::Status;
use keel::jobs::schedule::enqueue_due;

use super::with_status;
use crate::support::TestApp;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-03-01T{text}Z").parse().unwrap()
}

#[tokio::test]
async fn due_time_is_queued_once_by_all_processes() {
    let app = TestApp::start().await;
    let (db, other) = (&app.state.db, app.database.connect().await);
    // Nothing was missed on a new database.
    assert_eq!(enqueue_due(db, at("10:00:00")).await.unwrap(), 0);
    assert_eq!(enqueue_due(db, at("10:06:59")).await.unwrap(), 0);
    let both = tokio::join!(enqueue_due(db, at("10:07:01")), enqueue_due(&other, at("10:07:01")));
    assert_eq!(both.0.unwrap() + both.1.unwrap(), 1);
    assert_eq!(enqueue_due(db, at("11:06:59")).await.unwrap(), 0);
    assert_eq!(enqueue_due(db, at("11:07:00")).await.unwrap(), 1);
    assert_eq!(with_status(&app, Status::Queued).await.len(), 2);
}

#[tokio::test]
async fn times_missed_while_no_process_ran_are_made_up_for_by_one_job() {
    let app = TestApp::start().await;
    let db = &app.state.db;
    enqueue_due(db, at("10:07:01")).await.unwrap();
    // The process that starts now has no memory of the one before.
    let restarted = app.database.connect().await;
    assert_eq!(enqueue_due(&restarted, at("15:06:00")).await.unwrap(), 1);
    assert_eq!(enqueue_due(&restarted, at("15:06:30")).await.unwrap(), 0);
}
