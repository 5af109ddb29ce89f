//! Text: its characters, its length, and that it is returned unchanged.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::PASSWORD;

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
async fn null_character_is_refused_at_the_login() {
    let app = TestApp::start().await;
    app.user("ann").await;
    for path in ["/token", "/login/access-token"] {
        let response = app.anonymous().form(path, &[("username", "ann\0"), ("password", "\0secret")]).await;
        assert_eq!(
            response.problems(),
            ["body.password: string_pattern_mismatch", "body.username: string_pattern_mismatch"]
        );
        // Nothing is cut off at the null character.
        let password = format!("{PASSWORD}\0");
        let response = app.anonymous().form(path, &[("username", "ann"), ("password", &password)]).await;
        assert_eq!(response.problems(), ["body.password: string_pattern_mismatch"]);
    }
}

#[tokio::test]
async fn name_is_returned_byte_for_byte() {
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
async fn length_counts_code_points() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for character in ["x", "é", "語", "🫖"] {
        let text = |count: usize| character.repeat(count);
        ann.patch("/users/me", json!({ "full_name": text(255) })).await.ok::<Value>();
        let problems = ann.patch("/users/me", json!({ "full_name": text(256) })).await.problems();
        assert_eq!(problems, ["body.full_name: string_too_long"]);
    }
}

#[tokio::test]
async fn password_counts_code_points_and_is_never_truncated() {
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
