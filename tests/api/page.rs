//! Lists in pages, by offset and by cursor.

use keel::schemas::login::Token;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::recorder::Recorder;
use crate::support::{Client, TestApp};

pub async fn page(client: &Client, path: &str) -> Value {
    client.get(path).await.ok()
}

pub fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// Every id of the list, page by page.
pub async fn walk(client: &Client, path: &str, limit: usize) -> Vec<String> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let first = page(client, &format!("{path}{separator}limit={limit}")).await;
    assert!(first["count"].is_u64(), "{path}: the first page has a count");
    let mut found = ids(&first);
    let mut next = first["next_cursor"].as_str().map(str::to_owned);
    while let Some(cursor) = next {
        assert_eq!(found.len() % limit, 0, "{path}: only the last page is shorter");
        let following = page(client, &format!("{path}{separator}limit={limit}&cursor={cursor}")).await;
        assert!(following.get("count").is_none(), "{path}: a page by cursor leaves the count out");
        assert!(!ids(&following).is_empty(), "{path}: the cursor of a last page");
        found.extend(ids(&following));
        next = following["next_cursor"].as_str().map(str::to_owned);
    }
    assert_eq!(first["count"], found.len(), "{path}");
    found
}

#[tokio::test]
async fn every_list_can_be_walked_by_cursor() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for name in ["ann", "bob", "cyd", "dan"] {
        app.user(name).await;
        app.log_in("root", crate::support::app::PASSWORD).await;
        root.post("/users/me/api-keys", json!({ "name": name, "scope": "users" })).await.created::<Value>(); // only with api_keys
    }
    for path in ["/users", "/users/me/sessions", "/users/me/api-keys", "/audit-events"] {
        let whole = ids(&page(&root, path).await);
        assert!(whole.len() >= 4, "{path}");
        for limit in [1, 2, whole.len() - 1] {
            assert_eq!(walk(&root, path, limit).await, whole, "{path} in pages of {limit}");
        }
        let whole =
            page(&root, &format!("{path}{}limit={}", if path.contains('?') { '&' } else { '?' }, whole.len())).await;
        assert!(whole.get("next_cursor").is_none(), "{path}: the last page has no cursor");
    }
}

#[tokio::test]
async fn invalid_cursor_is_refused() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    app.user("ann").await;
    for cursor in ["", "x", "%00"] {
        let problems = root.get(&format!("/users?cursor={cursor}")).await.problems();
        assert_eq!(problems, ["query.cursor: value_error"], "{cursor}");
    }
    let first = page(&root, "/users?limit=1").await;
    let good = first["next_cursor"].as_str().unwrap();
    assert_eq!(root.get(&format!("/users?cursor={good}&skip=1")).await.problems(), ["query: value_error"]);
    page(&root, &format!("/users?cursor={good}&skip=0")).await;
}

#[tokio::test]
async fn page_by_cursor_is_read_from_an_index() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    app.user("ann").await;
    let recorder = Recorder::start(&app).await;
    is_read_from_index(&recorder, &root, "/users?", "users_created_at_idx").await;
    is_read_from_index(&recorder, &root, "/audit-events?", "audit_events_created_at_idx").await;
    app.log_in("root", PASSWORD).await.ok::<Token>();
    is_read_from_index(&recorder, &root, "/users/me/sessions?", "sessions_user_id_idx").await;
    // only with api_keys: begin
    for name in ["a", "b"] {
        let key = json!({ "name": name, "scope": "users" });
        root.post("/users/me/api-keys", key).await.created::<Value>();
    }
    is_read_from_index(&recorder, &root, "/users/me/api-keys?", "api_keys_user_id_idx").await;
    // only with api_keys: end
}

/// Asserts that a page by cursor is read from this index, beginning at the cursor.
pub async fn is_read_from_index(recorder: &Recorder, client: &Client, path: &str, index: &str) {
    let client = recorder.client(client);
    let cursor = page(&client, &format!("{path}&limit=1")).await["next_cursor"].as_str().unwrap().to_owned();
    recorder.clear();
    page(&client, &format!("{path}&limit=1&cursor={cursor}")).await;
    assert_eq!(recorder.transactions(), 0, "{path} needs no transaction");
    let statement = recorder.statements().into_iter().find(|statement| statement.sql.contains("ORDER BY")).unwrap();
    let plan = recorder.explain(statement).await;
    assert!(plan.contains(index), "{path}: {plan}");
    assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{path} sorts: {plan}");
    let seeks = plan.contains("Index Cond: ") && plan.contains("ROW(")
        || plan.contains("id)<(?")
        || plan.contains("id)>(?")
        || plan.contains("<expr>");
    assert!(seeks, "{path} does not begin at the cursor: {plan}");
}
