//! Lists in pages, by offset and by cursor.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::recorder::Recorder;
use crate::support::{Client, TestApp};

async fn page(client: &Client, path: &str) -> Value {
    client.get(path).await.ok()
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// Every id of the list, page by page.
async fn walk(client: &Client, path: &str, limit: usize) -> Vec<String> {
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

async fn create_items(client: &Client, count: usize) {
    for number in 0..count {
        let price = (number % 3 > 0).then_some(number % 3);
        let title = ["x", "\"quoted\"", "ü🫖", "\\"][number % 4];
        client.post("/items", json!({ "title": title, "price": price, "tags": ["t"] })).await.created::<Value>();
    }
}

#[tokio::test]
async fn every_list_can_be_walked_by_cursor() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for name in ["ann", "bob", "cyd", "dan"] {
        app.user(name).await;
        app.log_in("root", crate::support::app::PASSWORD).await;
        root.post("/users/me/api-keys", json!({ "name": name, "scope": "items" })).await.created::<Value>();
    }
    create_items(&root, 5).await;
    for path in ["/users", "/users/me/sessions", "/users/me/api-keys", "/audit-events", "/items", "/items?tags=t"] {
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
async fn every_order_of_items_can_be_walked_by_cursor() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    create_items(&ann, 13).await;
    for sort in ["created_at", "-created_at", "title", "-title", "price", "-price"] {
        let whole = ids(&page(&ann, &format!("/items?sort={sort}")).await);
        assert_eq!(whole.iter().collect::<HashSet<_>>().len(), 13);
        for limit in [1, 2, 5] {
            assert_eq!(walk(&ann, &format!("/items?sort={sort}"), limit).await, whole, "{sort} in pages of {limit}");
        }
    }
}

#[tokio::test]
async fn entries_created_while_walking_do_not_shift_the_pages() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    create_items(&ann, 4).await;
    let whole = ids(&page(&ann, "/items").await);
    let first = page(&ann, "/items?limit=2").await;
    create_items(&ann, 3).await;
    // Nor does it matter that the entry at which the page ended is deleted.
    ann.delete(&format!("/items/{}", whole[1])).await.is_no_content();
    let second = page(&ann, &format!("/items?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!(ids(&second), whole[2..]);
}

#[tokio::test]
async fn invalid_cursor_gets_422_at_its_place() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    create_items(&ann, 3).await;
    let cursor = async |sort: &str| {
        let page = page(&ann, &format!("/items?sort={sort}&limit=1")).await;
        page["next_cursor"].as_str().unwrap().to_owned()
    };
    let forged = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let id = "0197c5a0-0000-7000-8000-000000000000";
    for (sort, cursor) in [
        ("-created_at", String::new()),
        ("-created_at", "x".to_owned()),
        ("-created_at", "%00".to_owned()),
        ("-created_at", cursor("-created_at").await[1..].to_owned()),
        ("-created_at", cursor("created_at").await),
        ("title", cursor("-created_at").await),
        ("price", cursor("title").await),
        ("-created_at", forged("[]")),
        ("-created_at", forged("{}")),
        ("-created_at", forged(&format!(r#"["-created_at",7,"{id}"]"#))),
        ("-created_at", forged(&format!(r#"["-created_at",null,"{id}"]"#))),
        ("-created_at", forged(&format!(r#"["-created_at","-9999-01-01T00:00:00Z","{id}"]"#))),
        ("-created_at", forged(&format!(r#"["-created_at","+20000-01-01T00:00:00Z","{id}"]"#))),
        ("-created_at", forged(r#"["-created_at","2026-01-01T00:00:00Z","' OR 1=1"]"#)),
        ("title", forged(&format!(r#"["title","a\u0000b","{id}"]"#))),
        ("price", forged(&format!(r#"["price","1","{id}"]"#))),
        ("price", forged(&format!(r#"["price",1e30,"{id}"]"#))),
    ] {
        let problems = ann.get(&format!("/items?sort={sort}&cursor={cursor}")).await.problems();
        assert_eq!(problems, ["query.cursor: value_error"], "{sort} {cursor}");
    }
    let good = cursor("-created_at").await;
    assert_eq!(ann.get(&format!("/items?cursor={good}&skip=1")).await.problems(), ["query: value_error"]);
    assert_eq!(ann.get(&format!("/items?cursor={good}&cursor={good}")).await.problems(), ["query.cursor: string_type"]);
    page(&ann, &format!("/items?cursor={good}&skip=0")).await;
}

#[tokio::test]
async fn cursor_of_another_user_reveals_none_of_their_rows() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    create_items(&bob, 2).await;
    create_items(&ann, 3).await;
    let cursor = page(&ann, "/items?limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    let seen = page(&bob, &format!("/items?cursor={cursor}")).await;
    assert_eq!(ids(&seen), ids(&page(&bob, "/items").await));
}

#[tokio::test]
async fn deep_page_by_cursor_is_read_from_an_index() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    create_items(&ann, 3).await;
    let recorder = Recorder::start(&app).await;
    for (client, path, index) in [
        (&ann, "/items?sort=-created_at", "items_owner_id_created_at_idx"),
        (&ann, "/items?sort=created_at", "items_owner_id_created_at_idx"),
        (&ann, "/items?sort=title", "items_owner_id_title_idx"),
        (&ann, "/items?sort=-title", "items_owner_id_title_idx"),
        (&ann, "/items?sort=price", "items_owner_id_price_idx"),
        (&ann, "/items?sort=-price", "items_owner_id_price_idx"),
        (&root, "/items?sort=-created_at", "items_created_at_idx"),
        (&root, "/items?sort=title", "items_title_idx"),
        (&root, "/items?sort=-price", "items_price_idx"),
        (&root, "/users?", "users_created_at_idx"),
        (&root, "/audit-events?", "audit_events_created_at_idx"),
    ] {
        let client = recorder.client(client);
        let cursor = page(&client, &format!("{path}&limit=1")).await["next_cursor"].as_str().unwrap().to_owned();
        recorder.clear();
        page(&client, &format!("{path}&limit=1&cursor={cursor}")).await;
        let statement = recorder.statements().into_iter().find(|statement| statement.sql.contains("ORDER BY")).unwrap();
        let plan = recorder.explain(statement).await;
        assert!(plan.contains(index), "{path}: {plan}");
        assert!(!plan.contains("Sort") && !plan.contains("TEMP B-TREE"), "{path} sorts: {plan}");
        let seeks = plan.contains("Index Cond: ") && plan.contains("ROW(")
            || plan.contains("id)<(?")
            || plan.contains("id)>(?");
        assert!(seeks, "{path} does not begin at the cursor: {plan}");
    }
}
