//! Hostile input: it is refused cleanly or returned unchanged, on both databases.

pub mod echo;
mod json;
mod text;

use axum::http::{Method, StatusCode};
use axum::routing::any;
use axum::{Json, Router};
use keel::schemas::text::{LINE, LINES};
use keel::validation::ValidJson;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use validator::Validate;

use crate::http::behind_the_stack;
use crate::support::{Client, Response, TestApp};

/// The path of the notes.
const NOTES: &str = "/api/notes";

/// Sends exactly these bytes.
async fn raw(client: &Client, method: Method, path: &str, media_type: &str, body: impl Into<Vec<u8>>) -> Response {
    client.send(method, path, &[("content-type", media_type)], body.into().into()).await
}

/// A resource of these tests: it is validated and returned.
#[derive(Debug, Serialize, Deserialize, Validate, JsonSchema)]
struct Note {
    #[validate(length(min = 1, max = 255), regex(path = *LINE))]
    title: String,
    #[validate(length(max = 255), regex(path = *LINES))]
    text: Option<String>,
    number: Option<i32>,
    #[serde(default)]
    #[validate(length(max = 10))]
    tags: Vec<String>,
}

/// A client of a service that takes notes.
fn notes() -> Client {
    let handler = async |ValidJson(note): ValidJson<Note>| Json(note);
    behind_the_stack(Router::new().route(NOTES, any(handler)), |_| {})
}

/// Posts these bytes as a note.
async fn post(client: &Client, body: impl Into<Vec<u8>>) -> Response {
    raw(client, Method::POST, NOTES, "application/json", body).await
}

#[tokio::test]
async fn json_body_needs_a_json_media_type() {
    let client = notes();
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
        let response = raw(&client, Method::POST, NOTES, media_type, r#"{"title":"x"}"#).await;
        assert_eq!(response.error(StatusCode::UNSUPPORTED_MEDIA_TYPE), "Expected a body of type application/json");
    }
    let none = client.send(Method::POST, NOTES, &[], r#"{"title":"x"}"#.into()).await;
    none.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    for media_type in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "application/json ; charset=\"utf-8\"; x=y",
        "application/merge-patch+json",
        "Application/Merge-Patch+JSON",
    ] {
        raw(&client, Method::POST, NOTES, media_type, r#"{"title":"x"}"#).await.expect(StatusCode::OK);
    }
}

#[tokio::test]
async fn login_needs_a_form() {
    let app = TestApp::start().await;
    for media_type in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
        let response = raw(&app.anonymous(), Method::POST, "/token", media_type, "username=ann&password=x").await;
        response.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    let form = "application/x-www-form-urlencoded; charset=UTF-8";
    let response = raw(&app.anonymous(), Method::POST, "/token", form, "username=ann&password=x").await;
    response.error(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn compressed_body_is_refused() {
    let app = TestApp::start().await;
    for encoding in ["gzip", "br", "deflate", "gzip, gzip", "x"] {
        let headers = [("content-type", "application/json"), ("content-encoding", encoding)];
        let response = notes().send(Method::POST, NOTES, &headers, r#"{"title":"x"}"#.into()).await;
        response.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("content-encoding", encoding)];
        let response = app.anonymous().send(Method::POST, "/token", &headers, "username=ann&password=x".into()).await;
        response.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}

#[tokio::test]
async fn invalid_path_parameter_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for path in
        ["/users/%00", "/users/%2e%2e%2f", "/users/%zz", "/users/%", "/users/'%20OR%201=1--", "/users/%E2%82%28x"]
    {
        let response = ann.get(path).await;
        let status = response.status;
        assert!(matches!(status, StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY), "{path}: {status}");
        assert!(!response.body.is_empty());
    }
    ann.get("/users/%FF").await.is_not_found();
    assert_eq!(ann.get("/users/%00").await.problems(), ["path.user_id: uuid_parsing"]);
    // An escaped slash does not separate segments.
    assert_eq!(ann.get("/users/me%2fx").await.problems(), ["path.user_id: uuid_parsing"]);
}

#[tokio::test]
async fn invalid_query_is_refused() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for (query, problem) in [
        ("limit=%zz", "query.limit: int_parsing"),
        ("limit=%35%", "query.limit: int_parsing"),
        ("limit=5.0", "query.limit: int_parsing"),
        ("limit=0x10", "query.limit: int_parsing"),
        ("limit=1e1", "query.limit: int_parsing"),
        ("limit=%D9%A5", "query.limit: int_parsing"),
        ("limit=%FF%FE%FD", "query: string_unicode"),
    ] {
        assert_eq!(root.get(&format!("/users?{query}")).await.problems(), [problem], "{query}");
    }
    for query in ["%00=1", "=", "&&&", "limit[]=5", "x=%"] {
        let status = root.get(&format!("/users?{query}")).await.status;
        assert!(matches!(status, StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY), "{query}: {status}");
    }
}
