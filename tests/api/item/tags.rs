//! Tags are shared by items, and deleted when no item has them any more.

use keel::entities::tag;
use keel::schemas::item::ItemRead;
use keel::services::clean_up;
use keel::services::tag::delete_orphaned;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryOrder};
use serde_json::json;

use super::create;
use crate::support::TestApp;

async fn stored(app: &TestApp) -> Vec<String> {
    let tags = tag::Entity::find().order_by_asc(tag::Column::Name).all(&app.state.db).await.unwrap();
    tags.into_iter().map(|tag| tag.name).collect()
}

#[tokio::test]
async fn orphaned_tags_are_deleted_by_the_clean_up() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let item = create(&ann, json!({ "title": "x", "tags": ["a", "b", "c"] })).await;
    let other = create(&ann, json!({ "title": "y", "tags": ["b", "d"] })).await;
    ann.patch(&format!("/items/{}", item.id), json!({ "tags": ["c"] })).await.ok::<ItemRead>();
    ann.delete(&format!("/items/{}", other.id)).await.is_no_content();
    assert_eq!(stored(&app).await, ["a", "b", "c", "d"]);

    clean_up::run(&app.state.accounts).await.unwrap();
    assert_eq!(stored(&app).await, ["c"]);
    assert_eq!(delete_orphaned(&app.state.db).await.unwrap(), 0);
}

#[tokio::test]
async fn more_orphaned_tags_than_a_statement_has_parameters_are_deleted() {
    let app = TestApp::start().await;
    let db = &app.state.db;
    let id = match db.get_database_backend() {
        DbBackend::Postgres => "gen_random_uuid()",
        _ => "randomblob(16)",
    };
    // PostgreSQL takes 65,535 parameters, SQLite 32,766.
    let insert = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 66000) \
         INSERT INTO tags (id, name) SELECT {id}, 'tag ' || n FROM numbers"
    );
    db.execute_unprepared(&insert).await.unwrap();
    assert_eq!(delete_orphaned(db).await.unwrap(), 66_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn assigning_tags_while_orphans_are_deleted_loses_none() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let db = app.state.db.clone();
    let cleaner = tokio::spawn(async move {
        loop {
            delete_orphaned(&db).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let writers = (0..4).map(|number| {
        let ann = ann.clone();
        tokio::spawn(async move {
            // The tags become orphans and are assigned again, all the time.
            for _ in 0..20 {
                let tags = json!(["a", "b", format!("only {number}")]);
                let item = create(&ann, json!({ "title": "x", "tags": tags })).await;
                let path = format!("/items/{}", item.id);
                assert_eq!(json!(ann.get(&path).await.ok::<ItemRead>().tags), tags);
                ann.delete(&path).await.is_no_content();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    cleaner.abort();
    assert!(cleaner.await.unwrap_err().is_cancelled(), "the clean-up failed");
}
