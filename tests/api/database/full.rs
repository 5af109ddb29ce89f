//! A full disk.

use std::collections::HashSet;

use axum::http::StatusCode;
use keel::core::database::Db;
use keel::entities::api_key;
use keel::schemas::api_key::ApiKeyCreated;
use sea_orm::{ConnectionTrait, DatabaseTransaction, EntityTrait, Statement, TransactionTrait};
use serde_json::json;
use uuid::Uuid;

use super::is_unavailable;
use crate::support::database::server_url;
use crate::support::{Client, TestApp};

/// Limits the size of the file on both connections of the pool: a write beyond it fails as on a full disk.
async fn limit_pages(db: &Db, pages: u32) {
    let limited = async || -> DatabaseTransaction {
        let transaction = db.begin().await.unwrap();
        transaction.execute_unprepared(&format!("PRAGMA max_page_count = {pages}")).await.unwrap();
        transaction
    };
    // Both are taken before one is returned.
    let _transactions = [limited().await, limited().await];
}

async fn page_count(db: &Db) -> u32 {
    let statement = Statement::from_string(db.get_database_backend(), "PRAGMA page_count");
    db.query_one_raw(statement).await.unwrap().unwrap().try_get_by_index(0).unwrap()
}

/// Creates API keys. Returns the ids of the acknowledged ones, and how many were refused.
async fn write(client: &Client, count: usize) -> (Vec<Uuid>, usize) {
    let (mut acknowledged, mut refused) = (Vec::new(), 0);
    for _ in 0..count {
        let response = client.post("/users/me/api-keys", json!({ "name": "x".repeat(100), "scope": "users" })).await;
        if response.status == StatusCode::CREATED {
            acknowledged.push(response.created::<ApiKeyCreated>().api_key.id);
        } else {
            is_unavailable(response);
            refused += 1;
        }
    }
    (acknowledged, refused)
}

#[tokio::test]
async fn acknowledged_writes_are_stored_after_the_disk_was_full() {
    if server_url().is_some() {
        return;
    }
    let app = TestApp::with(|settings| {
        settings.database.max_connections = 2;
        settings.database.statement_timeout_ms = 300;
    })
    .await;
    let ann = app.user("ann").await;
    // A table that a migration dropped leaves free pages, which writes could use beyond the limit.
    app.state.db.execute_unprepared("VACUUM").await.unwrap();
    limit_pages(&app.state.db, page_count(&app.state.db).await + 8).await;
    let (before, refused) = write(&ann, 100).await;
    assert!(refused > 0, "the limit was reached");
    assert_eq!(ann.get("/users/me/api-keys").await.status, StatusCode::OK, "reads go on");

    limit_pages(&app.state.db, 1_000_000).await;
    let (after, refused) = write(&ann, 50).await;
    assert_eq!(refused, 0, "writes go on");
    let stored = api_key::Entity::find().all(&app.database.connect().await).await.unwrap();
    let stored: HashSet<Uuid> = stored.into_iter().map(|key| key.id).collect();
    let lost = before.iter().chain(&after).filter(|id| !stored.contains(id)).count();
    assert_eq!(lost, 0, "of {} acknowledged writes", before.len() + after.len());
}
