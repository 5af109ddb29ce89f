//! Text: which characters it may hold, how long it is, and that it comes back as it was.

use keel::schemas::item::{ItemPage, ItemRead};
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Client, TestApp};

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
async fn null_character_is_refused_in_every_text_of_an_item() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for text in ["\0", "a\0", "\0a", "a\0b", "\0\0\0"] {
        let body = json!({ "title": text, "description": text, "tags": ["fine", text] });
        assert_eq!(problems_of_item(&ann, body).await, ["body.description", "body.tags.1", "body.title"], "{text:?}");
    }
}

#[tokio::test]
async fn null_character_is_refused_in_every_text_of_a_user() {
    let app = TestApp::start().await;
    let nul = "nul\0nul\0";
    let body = json!({
        "email": "ann\0@example.com", "password": nul, "username": nul, "full_name": nul,
        "address": { "street": nul, "city": nul, "country": nul },
    });
    let expected = [
        "body.address.city: string_pattern_mismatch",
        "body.address.country: string_pattern_mismatch",
        "body.address.street: string_pattern_mismatch",
        "body.email: value_error",
        "body.full_name: string_pattern_mismatch",
        "body.password: string_pattern_mismatch",
        "body.username: string_pattern_mismatch",
    ];
    assert_eq!(app.anonymous().post("/users/signup", body.clone()).await.problems(), expected);
    let root = app.superuser("root").await;
    assert_eq!(root.post("/users", body.clone()).await.problems(), expected);
    assert_eq!(root.patch(&format!("/users/{}", root.id()), body.clone()).await.problems(), expected);
    let own: Vec<&str> = expected.into_iter().filter(|problem| !problem.contains("password")).collect();
    assert_eq!(root.patch("/users/me", body).await.problems(), own);
    let passwords = json!({ "current_password": nul, "new_password": nul });
    assert_eq!(
        root.patch("/users/me/password", passwords).await.problems(),
        ["body.current_password: string_pattern_mismatch", "body.new_password: string_pattern_mismatch"]
    );
}

#[tokio::test]
async fn null_character_is_refused_at_login() {
    let app = TestApp::start().await;
    app.user("ann").await;
    for path in ["/token", "/login/access-token"] {
        let answer = app.anonymous().form(path, &[("username", "ann\0"), ("password", "\0secret")]).await;
        assert_eq!(
            answer.problems(),
            ["body.password: string_pattern_mismatch", "body.username: string_pattern_mismatch"]
        );
        // Nothing is cut off where C would end a text.
        let password = format!("{PASSWORD}\0");
        let answer = app.anonymous().form(path, &[("username", "ann"), ("password", &password)]).await;
        assert_eq!(answer.problems(), ["body.password: string_pattern_mismatch"]);
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
    // An end of the line is not the end of the rule.
    for title in ["a\n", "\na", "a\nb\0"] {
        assert_eq!(problems_of_item(&ann, json!({ "title": title })).await, ["body.title"], "{title:?}");
    }
}

#[tokio::test]
async fn any_other_text_comes_back_byte_for_byte() {
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
async fn full_name_comes_back_byte_for_byte() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for name in ["O'Neil; DROP TABLE users;--", "Zoë 🫖", "名前", ""] {
        let line = if name.is_empty() { "x" } else { name };
        let body = json!({ "full_name": name, "address": { "street": line, "city": line, "country": line } });
        let user: Value = ann.patch("/users/me", body.clone()).await.ok();
        assert_eq!(json!({ "full_name": user["full_name"], "address": user["address"] }), body);
        assert_eq!(ann.get("/users/me").await.ok::<Value>(), user);
    }
}

#[tokio::test]
async fn text_length_is_counted_in_code_points() {
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
        ann.patch("/users/me", json!({ "full_name": text(255) })).await.ok::<Value>();
        let problems = ann.patch("/users/me", json!({ "full_name": text(256) })).await.problems();
        assert_eq!(problems, ["body.full_name: string_too_long"]);
    }
    assert_eq!(ann.post("/items", json!({ "title": "" })).await.problems(), ["body.title: string_too_short"]);
}

#[tokio::test]
async fn password_length_is_counted_in_code_points_without_truncation() {
    let app = TestApp::start().await;
    let body = |password: &str| json!({ "email": "zoe@example.com", "username": "zoe", "password": password });
    let text = |length: usize| "🫖q7ßk".chars().cycle().take(length).collect::<String>();
    let (short, long) = (text(7), text(129));
    assert_eq!(
        app.anonymous().post("/users/signup", body(&short)).await.problems(),
        ["body.password: string_too_short"]
    );
    assert_eq!(app.anonymous().post("/users/signup", body(&long)).await.problems(), ["body.password: string_too_long"]);
    let longest = text(128);
    app.anonymous().post("/users/signup", body(&longest)).await.created::<Value>();
    let login =
        async |password: &str| app.anonymous().form("/token", &[("username", "zoe"), ("password", password)]).await;
    login(&longest).await.ok::<Value>();
    login(&text(127)).await.error(axum::http::StatusCode::BAD_REQUEST);
}
