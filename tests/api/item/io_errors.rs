//! A disk that fails while items are created, each by a statement without a transaction around it.

use std::collections::HashSet;

use keel::entities::item;
use sea_orm::EntityTrait;
use serde_json::json;
use uuid::Uuid;

use crate::cli::limited::create_around_io_errors;
use crate::support::database::{TestDatabase, server_url};

#[tokio::test]
async fn created_items_are_stored_after_io_errors() {
    if server_url().is_some() {
        return;
    }
    let database = TestDatabase::empty().await;
    let body = |number| json!({ "title": format!("Item {number}") });
    let created = create_around_io_errors(&database, "/api/v1/items", body).await;
    let stored = item::Entity::find().all(&database.connect().await).await.unwrap();
    let stored: HashSet<Uuid> = stored.into_iter().map(|item| item.id).collect();
    let lost = created.iter().filter(|id| !stored.contains(id)).count();
    assert_eq!(lost, 0, "of {} acknowledged items", created.len());
}
