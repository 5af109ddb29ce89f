//! Slow statements.

use std::time::Duration;

use keel::core::database::observe;
use keel::entities::user::{Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::support::captured_log::CapturedLog;
use crate::support::database::TestDatabase;

async fn log_of_a_query(slow: Duration) -> String {
    let database = TestDatabase::migrated().await;
    let mut db = database.connect().await;
    observe(&mut db, slow);
    let (log, _guard) = CapturedLog::start();
    Entity::find().filter(Column::Email.eq("ann@example.com")).one(&db).await.unwrap();
    log.text()
}

#[tokio::test]
async fn slow_statement_is_logged_without_its_values() {
    let log = log_of_a_query(Duration::ZERO).await;
    assert!(log.contains("slow statement") && log.contains("hashed_password"), "{log}");
    assert!(!log.contains("ann@example.com"), "{log}");
}

#[tokio::test]
async fn fast_statement_is_not_logged() {
    let log = log_of_a_query(Duration::from_mins(1)).await;
    assert!(!log.contains("slow statement"), "{log}");
}
