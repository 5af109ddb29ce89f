//! The database: its migrations, and the responses while it is unavailable.

mod constraint;
mod frozen;
mod full;
mod locked;
mod slow;

use std::time::Duration;

use axum::http::StatusCode;
use keel::core::database::migrate;
use keel::core::database::{Db, begin_write};
use keel::schemas::session::SessionPage;
use keel::schemas::user::UserRead;
use sea_orm::ConnectionTrait;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::database::{TestDatabase, server_url};
use crate::support::proxy::cuttable;
use crate::support::socket::TIMEOUT;
use crate::support::{Client, Response, TestApp};

async fn applied(db: &Db) -> Vec<bool> {
    migrate::status(db).await.unwrap().into_iter().map(|status| status.applied).collect()
}

#[track_caller]
fn is_unavailable(response: Response) {
    assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(response.error(StatusCode::SERVICE_UNAVAILABLE), "Service temporarily unavailable");
}

/// Waits until readiness has this status: it follows a check in the background.
async fn readiness_becomes(app: &TestApp, status: StatusCode) {
    let reached = async {
        while app.anonymous().get("/health/ready").await.status != status {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, reached).await.expect("readiness follows the database");
}

#[tokio::test]
async fn migrations_go_up_and_down_and_up_again() {
    let database = TestDatabase::empty().await;
    let db = database.connect().await;
    let count = migrate::status(&db).await.unwrap().len();
    assert_eq!(applied(&db).await, vec![false; count]);

    let names = migrate::up(&db).await.unwrap();
    assert_eq!(names, migrate::status(&db).await.unwrap().into_iter().map(|status| status.name).collect::<Vec<_>>());
    assert_eq!(applied(&db).await, vec![true; count]);
    assert!(migrate::up(&db).await.unwrap().is_empty(), "nothing is pending");

    migrate::down(&db, 1).await.unwrap();
    assert_eq!(applied(&db).await, [vec![true; count - 1], vec![false]].concat(), "the last one");
    migrate::down(&db, u32::try_from(count).unwrap()).await.unwrap();
    assert_eq!(applied(&db).await, vec![false; count]);
    db.execute_unprepared("SELECT * FROM users").await.expect_err("the table is gone");

    assert_eq!(migrate::up(&db).await.unwrap(), names);
    drop(db);
    let app = TestApp::on(database, |_| {}).await;
    app.user("ann").await.patch("/users/me", json!({ "age": 30 })).await.ok::<UserRead>();
}

#[tokio::test]
async fn concurrent_migrations_apply_each_step_once() {
    let database = TestDatabase::empty().await;
    let runs = async || migrate::up(&database.connect().await).await.unwrap().len();
    let (a, b, c, d) = tokio::join!(runs(), runs(), runs(), runs());
    let mut counts = [a, b, c, d];
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 0, applied(&database.connect().await).await.len()]);
}

#[tokio::test]
async fn newer_database_is_served_by_an_older_binary() {
    let database = TestDatabase::migrated().await;
    let db = database.connect().await;
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m29991231_000001_from_the_future', 0)";
    db.execute_unprepared(newer).await.unwrap();
    assert!(migrate::up(&db).await.unwrap().is_empty());
    assert!(applied(&db).await.into_iter().all(|applied| applied));

    let app = TestApp::on(database, |_| {}).await;
    app.user("ann").await.patch("/users/me", json!({ "age": 30 })).await.ok::<UserRead>();
    app.anonymous().get("/health/ready").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn reads_succeed_and_writes_get_503_while_the_write_lock_is_held() {
    let app = TestApp::with(|settings| settings.database.statement_timeout_ms = 300).await;
    let ann = app.user("ann").await;

    let lock = begin_write(&app.database.connect().await).await.unwrap();
    if server_url().is_some() {
        lock.execute_unprepared("LOCK TABLE users IN EXCLUSIVE MODE").await.unwrap();
    }
    let signup = json!({ "email": "bob@example.com", "password": "correct horse battery" });
    is_unavailable(app.anonymous().post("/users/signup", signup).await);
    is_unavailable(ann.patch("/users/me", json!({ "age": 30 })).await);
    is_unavailable(ann.delete("/users/me").await);
    assert_eq!(ann.get("/users/me").await.ok::<UserRead>().age, None);
    assert_eq!(ann.get("/users/me/sessions").await.ok::<SessionPage>().data.len(), 1);
    app.anonymous().get("/health/ready").await.expect(StatusCode::OK);

    lock.rollback().await.unwrap();
    assert_eq!(ann.patch("/users/me", json!({ "age": 30 })).await.ok::<UserRead>().age, Some(30));
}

#[tokio::test]
async fn read_only_database_serves_reads_and_writes_get_503() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let mut url = app.database.url.clone();
    if server_url().is_some() {
        let name = url.rsplit('/').next().unwrap();
        let read_only = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        app.state.db.execute_unprepared(&read_only).await.unwrap();
    } else {
        url.push_str("?mode=ro");
    }

    let reading = TestApp::with(|settings| settings.database.url = url.into()).await;
    let ann = reading.bearer(ann.token.as_deref().unwrap());
    assert_eq!(ann.get("/users/me/sessions").await.ok::<SessionPage>().data.len(), 1);
    is_unavailable(ann.patch("/users/me", json!({ "full_name": "Ann" })).await);
    let signup = json!({ "email": "bob@example.com", "password": "correct horse battery" });
    is_unavailable(reading.anonymous().post("/users/signup", signup).await);
}

/// How many of these requests fail, each with 503.
async fn failures(client: &Client, connections: usize) -> usize {
    let mut failures = 0;
    for _ in 0..connections * 3 {
        let response = client.get("/users/me/sessions").await;
        if response.status != StatusCode::OK {
            is_unavailable(response);
            failures += 1;
        }
    }
    failures
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_connection_fails_at_most_one_request() {
    if server_url().is_none() {
        return;
    }
    let connections = 4;
    let app = TestApp::with(|settings| settings.database.max_connections = 4).await;
    let ann = app.user("ann").await;
    // Concurrently, so that the pool opens all its connections.
    let warm: Vec<_> = (0..32)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move { ann.get("/users/me/sessions").await.expect(StatusCode::OK) })
        })
        .collect();
    for request in warm {
        request.await.unwrap();
    }

    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    app.database.connect().await.execute_unprepared(kill).await.unwrap();
    assert!(failures(&ann, connections).await <= connections);
    assert_eq!(failures(&ann, connections).await, 0);
    ann.patch("/users/me", json!({ "age": 30 })).await.ok::<UserRead>();
}

#[tokio::test]
async fn requests_get_503_while_the_database_is_gone() {
    if server_url().is_none() {
        return;
    }
    let database = TestDatabase::migrated().await;
    let (address, is_open) = cuttable(database.server()).await;
    let url = database.url.replace(&database.server(), &address.to_string());
    let app = TestApp::on(database, |settings| {
        settings.database.url = url.into();
        settings.database.acquire_timeout_ms = 500;
    })
    .await;
    let ann = app.user("ann").await;
    let login = [("username", "ann"), ("password", crate::support::app::PASSWORD)];
    is_open.send(false).unwrap();

    // One request may find its connection broken.
    let _ = ann.get("/users/me/sessions").await;
    is_unavailable(ann.get("/users/me/sessions").await);
    is_unavailable(ann.patch("/users/me", json!({ "age": 30 })).await);
    is_unavailable(app.anonymous().form("/token", &login).await);
    readiness_becomes(&app, StatusCode::SERVICE_UNAVAILABLE).await;
    is_unavailable(app.anonymous().get("/health/ready").await);
    app.anonymous().get("/health/live").await.expect(StatusCode::OK);

    is_open.send(true).unwrap();
    let back = async { while ann.get("/users/me/sessions").await.status != StatusCode::OK {} };
    timeout(TIMEOUT, back).await.expect("the database is used again");
    app.anonymous().form("/token", &login).await.expect(StatusCode::OK);
    readiness_becomes(&app, StatusCode::OK).await;
}
