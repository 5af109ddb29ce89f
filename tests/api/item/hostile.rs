//! Hostile input for items: it is refused cleanly or returned unchanged, on both databases.

use axum::http::StatusCode;
use keel::schemas::item::{ItemPage, ItemRead};
use serde_json::{Value, json};

use crate::hostile::echo::{MARKER, is_silent, is_silent_about};
use crate::support::{Client, TestApp};

#[tokio::test]
async fn invalid_filters_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for (query, problem) in [
        ("q=%00%00%00", "query.q: string_pattern_mismatch"),
        ("q=%FF%FE%FD", "query: string_unicode"),
        ("q=a%00b", "query.q: string_pattern_mismatch"),
        ("q=%zz%0a", "query.q: string_pattern_mismatch"),
        ("tags=%00", "query.tags.0: string_pattern_mismatch"),
        ("tags=a&tags=%0A", "query.tags.1: string_pattern_mismatch"),
        ("tags=", "query.tags.0: string_too_short"),
        ("min_price=1e400", "query.min_price: decimal_parsing"),
        ("max_price=NaN", "query.max_price: finite_number"),
        ("sort=title;DROP", "query.sort: enum"),
    ] {
        assert_eq!(ann.get(&format!("/items?{query}")).await.problems(), [problem], "{query}");
    }
    for query in ["%00=1", "=", "&&&", "tags[]=x", "limit[]=5", "x=%", "q=%27%20OR%20"] {
        let status = ann.get(&format!("/items?{query}")).await.status;
        assert!(matches!(status, StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY), "{query}: {status}");
    }
}

async fn problems_of_item(client: &Client, body: Value) -> Vec<String> {
    let mut problems = client.post("/items", body.clone()).await.problems();
    let item = "/items/0197c5a0-0000-7000-8000-000000000000";
    assert_eq!(client.put(item, body.clone()).await.problems(), problems);
    assert_eq!(client.patch(item, body).await.problems(), problems);
    for problem in &mut problems {
        *problem = problem.replace(": string_pattern_mismatch", "");
    }
    problems
}

#[tokio::test]
async fn null_character_is_refused_in_every_text() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for text in ["\0", "a\0", "\0a", "a\0b", "\0\0\0"] {
        let body = json!({ "title": text, "description": text, "tags": ["fine", text] });
        assert_eq!(problems_of_item(&ann, body).await, ["body.description", "body.tags.1", "body.title"], "{text:?}");
    }
}

#[tokio::test]
async fn control_characters_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for code in (0x00..0x20).chain(0x7f..0xa0) {
        let character = char::from(code);
        let text = format!("a{character}b");
        let body = json!({ "title": text, "description": text, "tags": [text] });
        let mut expected = vec!["body.description", "body.tags.0", "body.title"];
        expected.retain(|place| *place != "body.description" || !matches!(character, '\n' | '\t'));
        let problems = ann.post("/items", body).await.problems();
        let expected: Vec<String> = expected.iter().map(|place| format!("{place}: string_pattern_mismatch")).collect();
        assert_eq!(problems, expected, "U+{code:04X}");
    }
    // The end of a line does not end the rule.
    for title in ["a\n", "\na", "a\nb\0"] {
        assert_eq!(problems_of_item(&ann, json!({ "title": title })).await, ["body.title"], "{title:?}");
    }
}

#[tokio::test]
async fn other_text_is_returned_byte_for_byte() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = "x".repeat(255);
    for text in [
        "Robert'); DROP TABLE items;--",
        "' OR '1'='1",
        "\" OR \"\"=\"",
        "1; SELECT pg_sleep(10)",
        "$1 ?1 :1 @1 %s {} {{7*7}} ${jndi:ldap://x}",
        "100% _ \\ \\' \\n \\u0000 %00",
        "<script>alert(1)</script>&amp;",
        "  leading and trailing  ",
        "null",
        "\u{200b}\u{202e}\u{feff}\u{2028}\u{fffd}\u{fffe}\u{10ffff}\u{e000}",
        "e\u{301} \u{e9} \u{1f1e9}\u{1f1ea} 👨\u{200d}👩\u{200d}👧 İıſK",
        "\u{a0}\u{3000}",
        "日本語 العربية עברית हिन्दी",
        &long,
    ] {
        let tag: String = text.chars().take(30).collect();
        let body =
            json!({ "title": text, "description": text.chars().take(253).collect::<String>() + "\n\t", "tags": [tag] });
        let item: ItemRead = ann.post("/items", body.clone()).await.created();
        assert_eq!(item.title, text);
        assert_eq!(json!({ "title": item.title, "description": item.description, "tags": item.tags }), body);
        assert_eq!(ann.get(&format!("/items/{}", item.id)).await.ok::<ItemRead>(), item);
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("tags", &tag).finish();
        let found: ItemPage = ann.get(&format!("/items?{query}")).await.ok();
        assert_eq!(found.data, [item], "{text}");
    }
    assert_eq!(ann.get("/items").await.ok::<ItemPage>().count, Some(14), "no table was dropped");
}

#[tokio::test]
async fn length_counts_code_points() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for character in ["x", "é", "語", "🫖"] {
        let text = |count: usize| character.repeat(count);
        let body = json!({ "title": text(255), "description": text(255), "tags": [text(30)] });
        let item: ItemRead = ann.post("/items", body).await.created();
        assert_eq!(item.title.chars().count(), 255);
        let body = json!({ "title": text(256), "description": text(256), "tags": [text(31)] });
        assert_eq!(
            ann.post("/items", body).await.problems(),
            ["body.description: string_too_long", "body.tags.0: string_too_long", "body.title: string_too_long"]
        );
    }
    assert_eq!(ann.post("/items", json!({ "title": "" })).await.problems(), ["body.title: string_too_short"]);
}

#[tokio::test]
async fn refused_value_of_an_item_is_not_returned() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = MARKER.repeat(30);
    for body in [
        json!({ "title": [MARKER] }),
        json!({ "title": { MARKER: MARKER } }),
        json!({ "title": long }),
        json!({ "title": format!("{MARKER}\0") }),
        json!({ "title": "x", "description": [MARKER, { "x": MARKER }] }),
        json!({ "title": "x", "price": MARKER }),
        json!({ "title": "x", "price": [MARKER] }),
        json!({ "title": "x", "tax": { "x": MARKER } }),
        json!({ "title": "x", "tags": MARKER }),
        json!({ "title": "x", "tags": [long] }),
        json!({ "title": "x", "tags": [[MARKER], format!("{MARKER}\n")] }),
        json!({ "title": "", MARKER: MARKER }),
        json!([MARKER]),
        json!(MARKER),
    ] {
        is_silent_about(&ann, "POST", "/items", &body).await;
        is_silent_about(&ann, "PUT", "/items/0197c5a0-0000-7000-8000-000000000000", &body).await;
        let path = format!("/items/{MARKER}");
        is_silent_about(&ann, "PATCH", &path, &body).await;
    }
}

#[tokio::test]
async fn refused_parameter_of_an_item_is_not_returned() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = MARKER.repeat(10);
    for path in [
        format!("/items/{MARKER}"),
        format!("/users/{MARKER}/items/{MARKER}"),
        format!("/items?skip={MARKER}&limit={MARKER}"),
        format!("/items?limit={MARKER}&limit=1"),
        format!("/items?q={MARKER}%00"),
        format!("/items?q={MARKER}&q={MARKER}"),
        format!("/items?tags={long}&tags=%00{MARKER}"),
        format!("/items?sort={MARKER}"),
        format!("/items?sort=title&sort={MARKER}"),
        format!("/items?min_price={MARKER}&max_price=-{MARKER}"),
    ] {
        is_silent(ann.get(&path).await);
    }
}
