//! `/health/ready` and the background check behind it.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use keel::core::config::DatabaseSettings;
use keel::server::Readiness;
use keel::services::health;
use sea_orm::TransactionTrait;
use tokio::time::{sleep, timeout};

use crate::support::TestApp;
use crate::support::database::{TestDatabase, server_url};
use crate::support::proxy::{cuttable, freezable};

/// The promise is 3 seconds. A machine that runs many tests gets some more.
const NOTICED: Duration = Duration::from_secs(6);

async fn wait_for(app: &TestApp, status: StatusCode) {
    let reached = async {
        while app.anonymous().get("/health/ready").await.status != status {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(NOTICED, reached).await.unwrap_or_else(|_| panic!("{status} in time"));
}

#[tokio::test]
async fn readiness_needs_no_connection_of_the_pool() {
    let app = TestApp::with(|settings| settings.database.max_connections = 2).await;
    let _all = (app.state.db.begin().await.unwrap(), app.state.db.begin().await.unwrap());
    let started = Instant::now();
    app.anonymous().get("/health/ready").await.expect(StatusCode::OK);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    // The background check has run meanwhile, too.
    sleep(Duration::from_millis(1200)).await;
    app.anonymous().get("/health/ready").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn database_that_cannot_be_opened_is_reported() {
    let app = TestApp::start().await;
    let readiness = Readiness::default();
    let settings = DatabaseSettings { url: "sqlite:///proc/missing/test.db".into(), ..app.database.settings() };
    let reported = async {
        while readiness.dependencies().database_error.is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        () = health::monitor(settings, &app.state.limiter, &readiness) => {}
        reported = timeout(NOTICED, reported) => reported.expect("the error is reported"),
    }
    assert!(health::ready(&readiness).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn database_outage_and_its_end_are_noticed_within_three_seconds() {
    if server_url().is_none() {
        return;
    }
    let database = TestDatabase::migrated().await;
    let (proxy, is_open) = cuttable(database.server()).await;
    let url = database.url.replace(&database.server(), &proxy.to_string());
    let app = TestApp::on(database, |settings| settings.database.url = url.into()).await;
    wait_for(&app, StatusCode::OK).await;
    is_open.send_replace(false);
    wait_for(&app, StatusCode::SERVICE_UNAVAILABLE).await;
    is_open.send_replace(true);
    wait_for(&app, StatusCode::OK).await;

    let database = TestDatabase::migrated().await;
    let (frozen, is_frozen) = freezable(database.server()).await;
    let url = database.url.replace(&database.server(), &frozen.to_string());
    let app = TestApp::on(database, |settings| settings.database.url = url.into()).await;
    wait_for(&app, StatusCode::OK).await;
    is_frozen.send_replace(true);
    wait_for(&app, StatusCode::SERVICE_UNAVAILABLE).await;
    is_frozen.send_replace(false);
    wait_for(&app, StatusCode::OK).await;
}
