//! Items: creating, reading, listing. Changes, tags and the statements behind are in modules of their own.

mod changes;
mod hostile;
mod io_errors;
mod page;
mod statements;
mod tags;

use axum::http::StatusCode;
use keel::schemas::item::{ItemPage, ItemRead};
use serde_json::{Value, json};

use crate::permissions::{Permissions, Placeholder, row};
use crate::support::{Client, TestApp};

async fn create(client: &Client, body: Value) -> ItemRead {
    client.post("/items", body).await.created()
}

async fn titles(client: &Client, query: &str) -> Vec<String> {
    let page: ItemPage = client.get(&format!("/items?{query}")).await.ok();
    page.data.into_iter().map(|item| item.title).collect()
}

#[tokio::test]
async fn created_item_is_returned_as_sent() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = json!({ "title": "Kettle", "description": "two\nlines\tand ünïcode 🫖", "price": "24.90", "tax": 3.98, "tags": ["tea", "kitchen", "tea"] });

    let response = ann.post("/items", body).await.expect(StatusCode::CREATED);
    let item: Value = response.read();
    assert_eq!(item["title"], "Kettle");
    assert_eq!(item["description"], "two\nlines\tand ünïcode 🫖");
    assert_eq!(item["price"], json!(24.9));
    assert_eq!(item["tax"], json!(3.98));
    assert_eq!(item["tags"], json!(["kitchen", "tea"]));
    assert_eq!(item["owner_id"], json!(ann.id()));
    assert_eq!(item["created_at"], item["updated_at"]);
    let location = response.header("location").to_owned();
    assert_eq!(location, format!("/api/v1/items/{}", item["id"].as_str().unwrap()));
    assert_eq!(ann.get(&location).await.ok::<Value>(), item);
}

#[tokio::test]
async fn item_with_only_a_title_is_created() {
    let app = TestApp::start().await;
    let item = create(&app.user("ann").await, json!({ "title": "x" })).await;
    assert_eq!((item.description, item.price, item.tax, item.tags), (None, None, None, vec![]));
}

#[tokio::test]
async fn amounts_are_exact_and_bounded() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for price in ["0.01", "0.1", "1.15", "19.99", "1000000.07", "9999999999.99"] {
        let number: Value = price.parse().unwrap();
        for sent in [number.clone(), json!(price)] {
            let item: Value = ann.post("/items", json!({ "title": "x", "price": sent })).await.created();
            assert_eq!(item["price"], number, "{sent}");
        }
    }
    for (price, problem) in [
        (json!(0), "greater_than"),
        (json!("0.00"), "greater_than"),
        (json!(-1), "greater_than"),
        (json!("-1"), "greater_than"),
        (json!(0.001), "decimal_max_places"),
        (json!("1.999"), "decimal_max_places"),
        (json!(1e300), "less_than_equal"),
        (json!(10_000_000_000_i64), "less_than_equal"),
        (json!("abc"), "decimal_parsing"),
        (json!("NaN"), "finite_number"),
        (json!("1.999999999999999999999"), "decimal_max_places"),
        (json!("9999999999.990000000001"), "decimal_max_places"),
        (json!("+1"), "decimal_parsing"),
        (json!("1e1"), "decimal_parsing"),
        (json!("01"), "decimal_parsing"),
        (json!("1.000"), "decimal_max_places"),
        (json!("-0"), "decimal_parsing"),
        (json!(true), "decimal_type"),
        (json!([1]), "decimal_type"),
    ] {
        let problems = ann.post("/items", json!({ "title": "x", "price": price })).await.problems();
        assert!(problems.contains(&format!("body.price: {problem}")), "{price}: {problems:?}");
    }
}

#[tokio::test]
async fn tax_not_below_price_is_refused_in_create_and_update() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for tax in ["10", "10.01"] {
        let response = ann.post("/items", json!({ "title": "x", "price": 10, "tax": tax })).await;
        let body: Value = response.read();
        assert_eq!(body["detail"][0]["msg"], "Value error, Tax must be less than price");
        assert_eq!(response.problems(), ["body: value_error"]);
    }
    let item = create(&ann, json!({ "title": "x", "price": 10, "tax": 9.99 })).await;
    // The rule holds for what a change leads to, not only for what it says.
    let path = format!("/items/{}", item.id);
    assert_eq!(ann.patch(&path, json!({ "price": 5 })).await.problems(), ["body: value_error"]);
    assert_eq!(ann.patch(&path, json!({ "tax": 10 })).await.problems(), ["body: value_error"]);
    ann.patch(&path, json!({ "price": 5, "tax": 1 })).await.ok::<ItemRead>();
    ann.patch(&path, json!({ "price": null, "tax": 100 })).await.ok::<ItemRead>();
}

#[tokio::test]
async fn problems_of_path_and_body_are_listed_at_once() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let problems =
        ann.put("/items/7", json!({ "price": -1, "tax": "x", "tags": ["", 5], "description": 3 })).await.problems();
    let expected = [
        "body.description: string_type",
        "body.price: greater_than",
        "body.tags.0: string_too_short",
        "body.tags.1: string_type",
        "body.tax: decimal_parsing",
        "body.title: missing",
        "path.item_id: uuid_parsing",
    ];
    assert_eq!(problems, expected);
}

#[tokio::test]
async fn item_of_another_user_is_not_found() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let item = create(&ann, json!({ "title": "kettle" })).await;
    let path = format!("/items/{}", item.id);

    bob.get(&path).await.is_not_found();
    bob.put(&path, json!({ "title": "mine" })).await.is_not_found();
    bob.patch(&path, json!({ "title": "mine" })).await.is_not_found();
    bob.delete(&path).await.is_not_found();
    bob.get(&format!("/users/{}/items/{}", ann.id(), item.id)).await.is_not_found();
    bob.get(&format!("/users/{}/items/{}", bob.id(), item.id)).await.is_not_found();
    assert!(titles(&bob, "").await.is_empty());
    assert_eq!(ann.get(&path).await.ok::<ItemRead>(), item);
}

#[tokio::test]
async fn superuser_reads_and_changes_items_of_all_users() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let item = create(&ann, json!({ "title": "kettle" })).await;

    assert_eq!(titles(&root, "").await, ["kettle"]);
    assert_eq!(root.get(&format!("/users/{}/items/{}", ann.id(), item.id)).await.ok::<ItemRead>(), item);
    root.get(&format!("/users/{}/items/{}", root.id(), item.id)).await.is_not_found();
    let changed: ItemRead = root.patch(&format!("/items/{}", item.id), json!({ "title": "pot" })).await.ok();
    assert_eq!((changed.title.as_str(), changed.owner_id), ("pot", ann.id()));
}

#[tokio::test]
async fn item_list_is_paged_and_counted() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for title in ["a", "b", "c", "d", "e"] {
        create(&ann, json!({ "title": title })).await;
    }
    let page: ItemPage = ann.get("/items?skip=1&limit=2").await.ok();
    let page_titles: Vec<&str> = page.data.iter().map(|item| item.title.as_str()).collect();
    assert_eq!((page_titles, page.count), (vec!["d", "c"], Some(5)), "newest first");
    let beyond: ItemPage = ann.get("/items?skip=5").await.ok();
    assert_eq!((beyond.data.len(), beyond.count), (0, Some(5)));
}

#[tokio::test]
async fn paging_out_of_bounds_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for (query, problem) in [
        ("skip=-1", "query.skip: greater_than_equal"),
        ("limit=0", "query.limit: greater_than_equal"),
        ("limit=101", "query.limit: less_than_equal"),
        ("limit=NaN", "query.limit: int_parsing"),
        ("limit=9223372036854775808", "query.limit: less_than_equal"),
        ("skip=9223372036854775807", "query.skip: less_than_equal"),
        ("limit=", "query.limit: int_parsing"),
        ("limit=1&limit=2", "query.limit: int_type"),
        ("sort=color", "query.sort: enum"),
    ] {
        assert_eq!(ann.get(&format!("/items?{query}")).await.problems(), [problem], "{query}");
    }
    assert!(titles(&ann, "skip=9007199254740991&limit=100").await.is_empty());
}

#[tokio::test]
async fn item_list_is_filtered_by_text_tags_and_price() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    create(&ann, json!({ "title": "Red kettle", "price": 10, "tags": ["kitchen", "red"] })).await;
    create(&ann, json!({ "title": "Pot", "description": "not a KETTLE", "price": 20, "tags": ["kitchen"] })).await;
    create(&ann, json!({ "title": "50% off, 3_5", "tags": ["red"] })).await;

    assert_eq!(titles(&ann, "q=Kettle&sort=title").await, ["Pot", "Red kettle"]);
    assert_eq!(titles(&ann, "tags=red&sort=title").await, ["50% off, 3_5", "Red kettle"]);
    assert_eq!(titles(&ann, "tags=red&tags=kitchen").await, ["Red kettle"]);
    assert_eq!(titles(&ann, "min_price=10&max_price=19.99").await, ["Red kettle"]);
    assert_eq!(titles(&ann, "min_price=10.01").await, ["Pot"]);
    assert_eq!(
        ann.get("/items?tags=red&q=kettle").await.ok::<ItemPage>().count,
        Some(1),
        "the count is of what is filtered"
    );
}

#[tokio::test]
async fn q_finds_any_text_literally_on_both_databases() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let titles_stored =
        ["50% off, 3_5", "50 cents off, 3x5", r"C:\temp\new", "C:/temp/new", "Größe – über-groß", "Teekanne 🫖 茶壺"];
    for title in titles_stored {
        create(&ann, json!({ "title": title })).await;
    }
    for (q, expected) in [
        ("50%", "50% off, 3_5"),
        ("3_5", "50% off, 3_5"),
        (r"p\n", r"C:\temp\new"),
        (r"c:\TEMP", r"C:\temp\new"),
        ("größe", "Größe – über-groß"),
        ("über-g", "Größe – über-groß"),
        (" – ", "Größe – über-groß"),
        ("e 🫖", "Teekanne 🫖 茶壺"),
        ("TEEKANNE", "Teekanne 🫖 茶壺"),
        ("off,", "50% off, 3_5|50 cents off, 3x5"),
    ] {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("q", q).finish();
        assert_eq!(
            titles(&ann, &format!("{query}&sort=-created_at")).await.into_iter().rev().collect::<Vec<_>>().join("|"),
            expected,
            "{q}"
        );
    }
    for (q, problem) in
        [("ab", "string_too_short"), ("%C3%BC%C3%BC", "string_too_short"), ("a%00b", "string_pattern_mismatch")]
    {
        assert_eq!(ann.get(&format!("/items?q={q}")).await.problems(), [format!("query.q: {problem}")]);
    }
    // Only a to z are folded, alike on both databases: neither umlauts nor the Kelvin sign.
    create(&ann, json!({ "title": "\u{212a}elvin \u{130}STANBUL" })).await;
    for q in ["GR%C3%96SSE", "gr%C3%96%C3%9Fe", "kelvin", "istanbul"] {
        assert!(titles(&ann, &format!("q={q}")).await.is_empty(), "{q}");
    }
    assert_eq!(titles(&ann, "q=elvin").await.len(), 1);
}

#[tokio::test]
async fn condition_and_available_from_are_stored_and_cleared() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let item: Value = ann.post("/items", json!({ "title": "x" })).await.created();
    assert_eq!((&item["condition"], &item["available_from"]), (&json!("new"), &json!(null)));
    let path = format!("/items/{}", item["id"].as_str().unwrap());

    let changes = json!({ "condition": "refurbished", "available_from": "2030-01-31T12:00:00.123456789+02:00" });
    let item: Value = ann.patch(&path, changes).await.ok();
    assert_eq!(
        (&item["condition"], &item["available_from"]),
        (&json!("refurbished"), &json!("2030-01-31T10:00:00.123456Z"))
    );
    assert_eq!(ann.get(&path).await.ok::<Value>(), item);
    let item: Value = ann.patch(&path, json!({ "available_from": null })).await.ok();
    assert_eq!((&item["condition"], &item["available_from"]), (&json!("refurbished"), &json!(null)));
    for condition in ["new", "used", "refurbished"] {
        let item: Value = ann.put(&path, json!({ "title": "x", "condition": condition })).await.ok();
        assert_eq!(item["condition"], condition);
    }
    let item: Value = ann.put(&path, json!({ "title": "x" })).await.ok();
    assert_eq!(item["condition"], "new", "PUT replaces, and this is the default");
    assert_eq!(ann.patch(&path, json!({ "condition": { "used": null } })).await.problems(), ["body.condition: enum"]);
    let problems = ann.patch(&path, json!({ "condition": null, "available_from": "tomorrow" })).await.problems();
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[tokio::test]
async fn item_list_is_sorted_alike_on_both_databases() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for (title, price) in [("b", Some(2)), ("B", None), ("a", Some(3)), ("ä", Some(1)), ("Z", None)] {
        create(&ann, json!({ "title": title, "price": price })).await;
    }
    assert_eq!(titles(&ann, "sort=title").await, ["B", "Z", "a", "b", "ä"], "by code point");
    assert_eq!(titles(&ann, "sort=-title").await, ["ä", "b", "a", "Z", "B"]);
    assert_eq!(titles(&ann, "sort=price").await, ["ä", "b", "a", "B", "Z"], "no price counts as the highest");
    assert_eq!(titles(&ann, "sort=-price").await, ["Z", "B", "a", "b", "ä"]);
    assert_eq!(titles(&ann, "sort=created_at").await, ["b", "B", "a", "ä", "Z"]);
}

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("items-read_items", "", [401, 200, 200, 200]),
        row("items-create_item", r#"{ "title": "kettle" }"#, [401, 201, 201, 201]),
        row("items-read_item", "", [401, 200, 404, 200]),
        row("items-read_user_item", "", [401, 200, 404, 200]),
        row("items-replace_item", r#"{ "title": "pot" }"#, [401, 200, 404, 200]),
        row("items-update_item", r#"{ "title": "pot" }"#, [401, 200, 404, 200]),
        row("items-delete_item", "", [401, 204, 404, 204]),
    ],
    placeholders: &[
        Placeholder::created("{item_id}", "/items", r#"{ "title": "kettle", "price": 2 }"#, "/id"),
    ],
};
