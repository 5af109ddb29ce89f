//! A table that another connection has locked.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use keel::core::config::{self, DatabaseSettings, Sources};
use keel::core::database::{begin_write, migrate};
use sea_orm::ConnectionTrait;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::is_unavailable;
use crate::support::TestApp;
use crate::support::database::{TestDatabase, server_url};
use crate::support::socket::TIMEOUT;

/// The promise is 5 seconds. A machine that runs many tests at once gets more.
const AT_MOST: Duration = Duration::from_secs(7);

#[tokio::test(flavor = "multi_thread")]
async fn locked_table_delays_only_its_own_routes() {
    if server_url().is_none() {
        return;
    }
    let database = TestDatabase::migrated().await;
    let url = database.url.clone();
    let defaults = config::load(&Sources::default()).unwrap();
    let app = TestApp::on(database, |settings| {
        settings.database = DatabaseSettings { url: url.into(), ..defaults.database };
    })
    .await;
    let root = app.superuser("root").await;
    let lock = begin_write(&app.database.connect().await).await.unwrap();
    lock.execute_unprepared("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE").await.unwrap();

    let (mut locked, mut others) = (JoinSet::new(), JoinSet::new());
    // For 15 seconds.
    let mut twenty_a_second = interval(Duration::from_millis(50));
    twenty_a_second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..300 {
        twenty_a_second.tick().await;
        let client = root.clone();
        locked.spawn(async move {
            let start = Instant::now();
            (client.get("/audit-events").await, start.elapsed())
        });
        let client = root.clone();
        others.spawn(async move { client.get("/users/me/sessions").await });
        app.anonymous().get("/health/ready").await.expect(StatusCode::OK);
    }
    for (response, took) in locked.join_all().await {
        is_unavailable(response);
        assert!(took < AT_MOST, "{took:?}");
    }
    let others = others.join_all().await;
    let succeeded = others.iter().filter(|response| response.status == StatusCode::OK).count();
    assert!(succeeded * 10 >= others.len() * 8, "{succeeded} of {}", others.len());

    lock.rollback().await.unwrap();
    root.get("/audit-events").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn migration_waits_longer_than_the_lock_timeout() {
    if server_url().is_none() {
        return;
    }
    let database = TestDatabase::migrated().await;
    let mut settings = database.settings();
    settings.lock_timeout_ms = 50;
    let db = keel::core::database::connect(&settings).await.unwrap();
    let lock = begin_write(&database.connect().await).await.unwrap();
    lock.execute_unprepared("LOCK TABLE seaql_migrations IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let migration = tokio::spawn(async move { migrate::up(&db).await });
    // Far longer than the timeout.
    sleep(Duration::from_secs(1)).await;
    assert!(!migration.is_finished());
    lock.rollback().await.unwrap();
    assert!(timeout(TIMEOUT, migration).await.unwrap().unwrap().unwrap().is_empty());
}
