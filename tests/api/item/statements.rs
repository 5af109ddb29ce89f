//! How many statements the routes of items send to the database.

use std::collections::HashSet;

use keel::schemas::item::ItemRead;
use serde_json::{Value, json};

use super::create;
use crate::support::TestApp;
use crate::support::recorder::Recorder;

#[tokio::test]
async fn item_list_of_any_length_takes_at_most_three_statements() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let recorder = Recorder::start(&app).await;
    let reader = recorder.client(&ann);
    let mut texts = HashSet::new();
    for count in 0..6 {
        recorder.clear();
        let page: Value = reader.get("/items?limit=4").await.ok();
        assert_eq!(page["count"], count);
        let statements = recorder.statements();
        let expected = match count {
            // Nothing to look up tags for.
            0 => 1,
            // The page is the whole list, and so the count.
            1..5 => 2,
            _ => 3,
        };
        assert_eq!(statements.len(), expected, "{count} items: {statements:?}");
        texts.extend(statements.into_iter().map(|statement| statement.sql));
        create(&ann, json!({ "title": "x", "tags": ["a", format!("tag {count}")] })).await;
    }
    assert_eq!(texts.len(), 3, "one text for each: {texts:?}");
}

/// PostgreSQL would otherwise parse the text with the ids of the page again for every row that it scans.
#[tokio::test]
async fn ids_of_a_page_are_parsed_once_to_find_its_tags() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    create(&ann, json!({ "title": "x", "tags": ["a"] })).await;
    let recorder = Recorder::start(&app).await;
    recorder.client(&ann).get("/items").await.ok::<Value>();
    let statement = recorder.statements().into_iter().find(|statement| statement.sql.contains("item_tags")).unwrap();
    let plan = recorder.explain(statement).await;
    assert!(!plan.contains("= ANY"), "{plan}");
}

#[tokio::test]
async fn item_without_tags_is_created_by_one_statement() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let recorder = Recorder::start(&app).await;
    recorder.clear();
    let item = create(&recorder.client(&ann), json!({ "title": "x" })).await;
    let statements = recorder.statements();
    assert_eq!(statements.len(), 1, "{statements:?}");
    assert!(statements[0].sql.starts_with("INSERT INTO"));
    assert_eq!(recorder.transactions(), 0, "a transaction would be two round trips more");
    assert_eq!(ann.get(&format!("/items/{}", item.id)).await.ok::<ItemRead>(), item);

    create(&recorder.client(&ann), json!({ "title": "x", "tags": ["a"] })).await;
    assert_eq!(recorder.transactions(), 1, "transactions are counted");
}

#[tokio::test]
async fn item_with_tags_is_read_by_one_statement() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let recorder = Recorder::start(&app).await;
    let item = create(&ann, json!({ "title": "x", "tags": ["a", "b"] })).await;
    recorder.clear();
    assert_eq!(recorder.client(&ann).get(&format!("/items/{}", item.id)).await.ok::<ItemRead>(), item);
    assert_eq!(recorder.statements().len(), 1, "{:?}", recorder.statements());
    assert_eq!(recorder.transactions(), 0);
}
