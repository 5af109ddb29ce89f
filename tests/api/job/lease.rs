//! Leases: jobs of workers that have died, and clocks that are wrong.

use chrono::TimeDelta;
use keel::jobs::kinds::Job;
use keel::jobs::lease::{self, Kinds, LeaseOptions, RecordedOutcome};
use keel::jobs::queue::Status;
use keel::jobs::{Failure, Retry};
use uuid::Uuid;

use super::{enqueue, mail, with_status, worker};
use crate::support::TestApp;

/// A worker that sends no heartbeat: its leases have expired when it gets them.
fn dead_worker() -> LeaseOptions {
    LeaseOptions { lease: TimeDelta::seconds(-1), ..worker() }
}

async fn claim(app: &TestApp, worker: &LeaseOptions) -> lease::ClaimedJob {
    let now = app.state.accounts.now();
    lease::claim(&app.state.db, worker, 1, Kinds::All, now).await.unwrap().remove(0)
}

async fn reclaim(app: &TestApp) -> u64 {
    lease::reclaim_expired(&app.state.db, &worker(), app.state.accounts.now()).await.unwrap()
}

#[tokio::test]
async fn job_of_a_dead_worker_is_claimed_by_another_and_lost_to_the_first() {
    let app = TestApp::start().await;
    let db = &app.state.db;
    enqueue(&app, &mail("bob@example.org")).await;
    let dead = dead_worker();
    let lost = claim(&app, &dead).await;
    assert_eq!(reclaim(&app).await, 1);
    let again = claim(&app, &worker()).await;
    assert_eq!((again.id, again.attempt), (lost.id, 2));

    // The first worker wakes up.
    let now = app.state.accounts.now();
    assert_eq!(lease::done(db, &lost, now).await.unwrap(), RecordedOutcome::LeaseLost);
    let failure = Failure { error: "too late".to_owned(), retry: Retry::Never };
    assert_eq!(lease::failed(db, &dead, &lost, &failure, now).await.unwrap(), RecordedOutcome::LeaseLost);
    lease::extend(db, &dead, vec![lost.id]).await.unwrap();
    assert_eq!((with_status(&app, Status::Running).await.len(), reclaim(&app).await), (1, 0));
    assert_eq!(lease::done(db, &again, now).await.unwrap(), RecordedOutcome::Done);
    assert_eq!(with_status(&app, Status::Done).await.len(), 1);
}

#[tokio::test]
async fn heartbeat_extends_the_leases_of_running_jobs_alone() {
    let app = TestApp::start().await;
    let dead = dead_worker();
    for address in ["ann@example.org", "bob@example.org"] {
        enqueue(&app, &mail(address)).await;
    }
    let (running, forgotten) = (claim(&app, &dead).await, claim(&app, &dead).await);
    let alive = LeaseOptions { lease: TimeDelta::seconds(30), ..dead };
    lease::extend(&app.state.db, &alive, vec![running.id, Uuid::now_v7()]).await.unwrap();
    assert_eq!(reclaim(&app).await, 1);
    assert_eq!(with_status(&app, Status::Queued).await[0].id, forgotten.id);
}

#[tokio::test]
async fn job_that_keeps_killing_its_workers_is_dead() {
    let app = TestApp::start().await;
    enqueue(&app, &Job::CleanUp).await;
    for attempt in 1..=3 {
        assert_eq!(claim(&app, &dead_worker()).await.attempt, attempt);
        reclaim(&app).await;
    }
    assert_eq!(with_status(&app, Status::Dead).await[0].attempts, 3);
}

#[tokio::test]
async fn process_with_a_wrong_clock_neither_steals_nor_loses_jobs() {
    for wrong_by in [TimeDelta::hours(1), TimeDelta::hours(-1)] {
        let app = TestApp::start().await;
        // A process with the right clock has queued them.
        for address in ["ann@example.org", "bob@example.org"] {
            enqueue(&app, &mail(address)).await;
        }
        app.travel(wrong_by);
        let held = claim(&app, &worker()).await;
        claim(&app, &dead_worker()).await;
        // A process with the right clock reclaims the expired lease alone.
        app.travel(-wrong_by);
        assert_eq!(reclaim(&app).await, 1);
        // The other way round: the process with the wrong clock reclaims nothing, and claims what is due.
        app.travel(wrong_by);
        assert_eq!(reclaim(&app).await, 0);
        assert_eq!(claim(&app, &worker()).await.attempt, 2);
        let running = with_status(&app, Status::Running).await;
        assert!(running.iter().any(|job| job.id == held.id && job.attempts == 1), "{running:?}");
    }
}
