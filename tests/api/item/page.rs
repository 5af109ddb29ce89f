//! Pages of items.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::page::{ids, is_read_from_index, page, walk};
use crate::support::recorder::Recorder;
use crate::support::{Client, TestApp};

async fn create_items(client: &Client, count: usize) {
    for number in 0..count {
        let price = (number % 3 > 0).then_some(number % 3);
        let title = ["x", "\"quoted\"", "ü🫖", "\\"][number % 4];
        client.post("/items", json!({ "title": title, "price": price, "tags": ["t"] })).await.created::<Value>();
    }
}

#[tokio::test]
async fn every_order_can_be_walked_by_cursor() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    create_items(&ann, 13).await;
    for sort in ["created_at", "-created_at", "title", "-title", "price", "-price"] {
        let whole = ids(&page(&ann, &format!("/items?sort={sort}")).await);
        assert_eq!(whole.iter().collect::<HashSet<_>>().len(), 13);
        for limit in [1, 2, 5] {
            assert_eq!(walk(&ann, &format!("/items?sort={sort}"), limit).await, whole, "{sort} in pages of {limit}");
            assert_eq!(walk(&ann, &format!("/items?tags=t&sort={sort}"), limit).await, whole, "{sort} with a filter");
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
async fn invalid_cursor_is_refused() {
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
async fn cursor_of_another_user_shows_none_of_their_items() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    create_items(&bob, 2).await;
    create_items(&ann, 3).await;
    let cursor = page(&ann, "/items?limit=1").await["next_cursor"].as_str().unwrap().to_owned();
    let seen = page(&bob, &format!("/items?cursor={cursor}")).await;
    assert_eq!(ids(&seen), ids(&page(&bob, "/items").await));
}

#[tokio::test]
async fn page_by_cursor_is_read_from_an_index() {
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
    ] {
        is_read_from_index(&recorder, client, path, index).await;
    }
}
