//! Hostile input: it is refused with a proper error or comes back unchanged, on both databases.

mod echo;
mod json;
mod text;

use axum::http::{Method, StatusCode};

use crate::support::{Answer, Client, TestApp};

/// A body of these very bytes.
async fn raw(client: &Client, method: Method, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Answer {
    client.send(method, path, &[("content-type", media_type)], body.into().into()).await
}

/// A new item of these very bytes.
async fn post(client: &Client, body: impl Into<Vec<u8>>) -> Answer {
    raw(client, Method::POST, "/items", "application/json", body).await
}

#[tokio::test]
async fn body_with_wrong_media_type_gets_415() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for media_type in [
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/x-json",
        "application/javascript",
        "application",
        "json",
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "text/plain, application/json",
    ] {
        let answer = raw(&ann, Method::POST, "/items", media_type, r#"{"title":"x"}"#).await;
        assert_eq!(answer.error(StatusCode::UNSUPPORTED_MEDIA_TYPE), "Expected a body of type application/json");
    }
    let none = ann.send(Method::POST, "/items", &[], r#"{"title":"x"}"#.into()).await;
    none.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for media_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json ; charset=\"utf-8\"; x=y",
        "application/merge-patch+json",
    ] {
        raw(&ann, Method::POST, "/items", media_type, r#"{"title":"x"}"#).await.expect(StatusCode::CREATED);
    }
}

#[tokio::test]
async fn login_body_must_be_a_form() {
    let app = TestApp::start().await;
    for media_type in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
        let answer = raw(&app.anonymous(), Method::POST, "/token", media_type, "username=ann&password=x").await;
        answer.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    let answer = raw(&app.anonymous(), Method::POST, "/token", form, "username=ann&password=x").await;
    answer.error(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn compressed_body_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for encoding in ["gzip", "br", "deflate", "gzip, gzip", "x"] {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        let answer = ann.send(Method::POST, "/items", &headers, r#"{"title":"x"}"#.into()).await;
        answer.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("content-encoding", encoding)];
        let answer = ann.send(Method::POST, "/token", &headers, "username=ann&password=x".into()).await;
        answer.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn garbage_in_a_path_is_refused_or_not_found() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for path in
        ["/items/%00", "/items/%2e%2e%2f", "/items/%zz", "/items/%", "/items/'%20OR%201=1--", "/items/%E2%82%28x"]
    {
        let answer = ann.get(path).await;
        let status = answer.status;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY), "{path}: {status}");
        assert!(!answer.body.is_empty());
    }
    ann.get("/items/%FF").await.is_not_found();
    assert_eq!(ann.get("/items/%00").await.problems(), ["path.item_id: uuid_parsing"]);
    // A slash that is escaped separates nothing.
    assert_eq!(ann.get("/users/me%2fx").await.problems(), ["path.user_id: uuid_parsing"]);
}

#[tokio::test]
async fn garbage_in_a_query_is_refused_or_finds_nothing() {
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
        ("limit=%zz", "query.limit: int_parsing"),
        ("limit=%35%", "query.limit: int_parsing"),
        ("limit=5.0", "query.limit: int_parsing"),
        ("limit=0x10", "query.limit: int_parsing"),
        ("limit=1e1", "query.limit: int_parsing"),
        ("limit=%D9%A5", "query.limit: int_parsing"),
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
