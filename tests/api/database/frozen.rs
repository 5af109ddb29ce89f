//! A database server that does not respond, or responds late.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use keel::core::config::Settings;
use keel::core::database::begin_write;
use keel::entities::user;
use keel::jobs::Context;
use keel::jobs::kinds::Job;
use keel::jobs::queue::{self, Status};
use keel::jobs::worker::work;
use keel::schemas::user::UserRead;
use keel::server::Readiness;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Statement};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::{is_unavailable, readiness_becomes};
use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::database::{TestDatabase, server_url};
use crate::support::proxy::freezable;
use crate::support::socket::TIMEOUT;

/// An application whose database is behind a proxy that can freeze it. `None` on SQLite.
async fn start(change: impl FnOnce(&mut Settings)) -> Option<(TestApp, watch::Sender<bool>)> {
    server_url()?;
    let database = TestDatabase::migrated().await;
    let (address, is_frozen) = freezable(database.server()).await;
    let url = database.url.replace(&database.server(), &address.to_string());
    let app = TestApp::on(database, |settings| {
        settings.database.url = url.into();
        change(settings);
    });
    Some((app.await, is_frozen))
}

/// The promise is 5 seconds. A machine that runs many tests at once gets more.
const AT_MOST: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn requests_get_503_in_time_while_the_database_is_frozen() {
    let Some((app, is_frozen)) = start(|settings| {
        settings.database.acquire_timeout_ms = 1000;
        settings.server.request_timeout_seconds = 3;
    })
    .await
    else {
        return;
    };
    let ann = app.user("ann").await;
    let anonymous = app.anonymous();
    let login = [("username", "ann"), ("password", PASSWORD)];
    is_frozen.send(true).unwrap();

    for _ in 0..2 {
        let start = Instant::now();
        let (read, write, login) = tokio::join!(
            ann.get("/users/me/sessions"),
            ann.patch("/users/me", json!({ "age": 30 })),
            anonymous.form("/token", &login),
        );
        [read, write, login].into_iter().for_each(is_unavailable);
        assert!(start.elapsed() < AT_MOST, "{:?}", start.elapsed());
        anonymous.get("/health/live").await.expect(StatusCode::OK);
        anonymous.get("/").await.expect(StatusCode::OK);
        ann.patch("/users/me", json!({ "age": "x" })).await.expect(StatusCode::SERVICE_UNAVAILABLE);
    }

    readiness_becomes(&app, StatusCode::SERVICE_UNAVAILABLE).await;
    is_frozen.send(false).unwrap();
    readiness_becomes(&app, StatusCode::OK).await;
    anonymous.form("/token", &login).await.expect(StatusCode::OK);
    ann.patch("/users/me", json!({ "age": 30 })).await.ok::<UserRead>();
}

// only with jobs
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_a_frozen_database_and_stops_during_one() {
    let Some((app, is_frozen)) = start(|_| {}).await else { return };
    let readiness = Readiness::default();
    let context = Context { shutdown_grace: Duration::ZERO, ..app.jobs.clone() };
    let worker = tokio::spawn(work(context, readiness.clone()));
    let elsewhere = app.database.connect().await;
    let done = async |count| {
        let reached = async {
            while queue::count(&elsewhere, Status::Done).await.unwrap() < count {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(TIMEOUT, reached).await.expect("it is done");
    };
    let queue = async || {
        let transaction = begin_write(&elsewhere).await.unwrap();
        queue::enqueue(&transaction, &Job::CleanUp, app.state.accounts.now()).await.unwrap();
        transaction.commit().await.unwrap();
    };
    queue().await;
    done(1).await;
    is_frozen.send(true).unwrap();
    queue().await;
    is_frozen.send(false).unwrap();
    done(2).await;

    is_frozen.send(true).unwrap();
    readiness.drain();
    timeout(AT_MOST, worker).await.expect("it stops").unwrap();
}

/// Otherwise the connection returns to the pool inside the transaction, and later writes become part of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_cancelled_while_it_begins_is_rolled_back() {
    let Some((app, is_frozen)) = start(|settings| settings.database.max_connections = 1).await else { return };
    app.user("ann").await;
    let elsewhere = app.database.connect().await;
    let open = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'";
    let has_begun = async {
        let open = Statement::from_string(DbBackend::Postgres, open);
        while elsewhere.query_one_raw(open.clone()).await.unwrap().is_none() {}
    };
    is_frozen.send(true).unwrap();
    tokio::select! {
        _ = begin_write(&app.state.db) => panic!("begin returned"),
        begun = timeout(TIMEOUT, has_begun) => begun.expect("it has begun"),
    }
    is_frozen.send(false).unwrap();

    // The pool's only connection.
    app.state.db.execute_unprepared("UPDATE users SET age = 7").await.unwrap();
    let seen = user::Entity::find().one(&elsewhere).await.unwrap().unwrap();
    assert_eq!(seen.age, Some(7), "the write is not part of the cancelled transaction");
}
