//! Limits of every handler: panics, timeouts, the size of a body, compression.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::body::Frame;
use keel::core::config::Settings;
use keel::validation::ValidJson;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Interval, interval, timeout};
use validator::Validate;

use super::behind_the_stack;
use crate::support::socket::TIMEOUT;
use crate::support::{Client, TestApp};

/// Where the handlers of these tests are.
const PATH: &str = "/api/test";
const JSON: (&str, &str) = ("content-type", "application/json");

#[derive(Deserialize, Validate, JsonSchema)]
struct Note {
    text: String,
}

/// A handler that takes a note.
fn with_notes(change: impl FnOnce(&mut Settings)) -> Client {
    let handler = async |ValidJson(note): ValidJson<Note>| note.text;
    behind_the_stack(Router::new().route(PATH, post(handler)), change)
}

/// The JSON with blanks behind it, so that it is exactly this long.
fn padded(json: &Value, length: usize) -> String {
    let json = json.to_string();
    format!("{json}{}", " ".repeat(length - json.len()))
}

/// A body that sends one byte every 10 ms, without end.
struct Trickle(Interval);

impl Trickle {
    fn body() -> Body {
        Body::new(Self(interval(Duration::from_millis(10))))
    }
}

impl hyper::body::Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.0.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

/// A body whose length is not declared, as with a chunked transfer.
struct Chunked(Option<Bytes>);

impl hyper::body::Body for Chunked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A body that always has more.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

#[tokio::test]
async fn panic_gets_500_without_its_message() {
    let panics = async |uri: Uri| -> &'static str {
        assert!(uri.query().is_none(), "the secret of {uri}");
        "fine"
    };
    let client = behind_the_stack(Router::new().route(PATH, get(panics)), |_| {});
    for (accept, code) in [("*/*", Value::Null), ("application/problem+json", json!("internal_error"))] {
        let headers = [("origin", "https://app.example.com"), ("x-request-id", "my-request"), ("accept", accept)];
        let path = format!("{PATH}?panic");
        let response = client.send(Method::GET, &path, &headers, Body::empty()).await;
        assert_eq!(response.header("access-control-allow-origin"), "https://app.example.com");
        assert_eq!(response.header("x-request-id"), "my-request");
        assert_eq!(response.read::<Value>()["code"], code);
        assert!(!String::from_utf8_lossy(&response.body).contains("secret"));
        assert_eq!(response.error(StatusCode::INTERNAL_SERVER_ERROR), "Internal Server Error");
        client.get(PATH).await.expect(StatusCode::OK);
    }
    let response = client.get(&format!("{PATH}?panic")).await;
    assert_eq!(response.read::<Value>(), json!({ "detail": "Internal Server Error" }));
}

#[tokio::test]
async fn slow_handler_gets_503_at_the_request_timeout() {
    let stalls = Router::new().route(PATH, get(std::future::pending::<&'static str>));
    let client = behind_the_stack(stalls, |settings| settings.server.request_timeout_seconds = 1);
    let response = timeout(TIMEOUT, client.get(PATH)).await.expect("a response");
    assert!(response.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(response.error(StatusCode::SERVICE_UNAVAILABLE), "Service temporarily unavailable");
}

#[tokio::test]
async fn body_declared_too_large_gets_413_unread() {
    let client = with_notes(|settings| settings.server.max_body_bytes = 1000);
    for length in ["1001", "18446744073709551615"] {
        // Reading this body would never end.
        let headers = [JSON, ("content-length", length)];
        let response = timeout(TIMEOUT, client.send(Method::POST, PATH, &headers, Trickle::body())).await;
        assert_eq!(response.expect("a response").error(StatusCode::PAYLOAD_TOO_LARGE), "The request body is too large");
    }
}

#[tokio::test]
async fn body_of_undeclared_length_gets_413_at_the_limit() {
    let client = with_notes(|settings| settings.server.max_body_bytes = 1000);
    for (length, status) in [(1000, StatusCode::OK), (1001, StatusCode::PAYLOAD_TOO_LARGE)] {
        let body = Bytes::from(padded(&json!({ "text": "x" }), length));
        for body in [Body::from(body.clone()), Body::new(Chunked(Some(body)))] {
            client.send(Method::POST, PATH, &[JSON], body).await.expect(status);
        }
    }
    let endless = client.send(Method::POST, PATH, &[JSON], Body::new(Endless));
    timeout(TIMEOUT, endless).await.expect("a response").error(StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn body_limit_is_the_setting() {
    let app = TestApp::with(|settings| settings.server.max_body_bytes = 2 * 1024 * 1024 + 1).await;
    // More than axum's own limit.
    let new = json!({ "email": "ann@example.com", "password": "correct horse battery" });
    let body = padded(&new, 2 * 1024 * 1024 + 1);
    let client = app.anonymous();
    client.send(Method::POST, "/users/signup", &[JSON], body.clone().into()).await.created::<Value>();
    let too_large = client.send(Method::POST, "/users/signup", &[JSON], format!("{body} ").into()).await;
    too_large.error(StatusCode::PAYLOAD_TOO_LARGE);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let too_large = client.send(Method::POST, "/token", &[form], format!("{body} ").into()).await;
    too_large.error(StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn slow_body_gets_408_at_the_body_timeout() {
    let client = with_notes(|settings| settings.server.body_timeout_seconds = 1);
    let response = client.send(Method::POST, PATH, &[JSON], Trickle::body());
    let response = timeout(TIMEOUT, response).await.expect("a response");
    assert_eq!(response.error(StatusCode::REQUEST_TIMEOUT), "The request body did not arrive in time");
}

#[tokio::test]
async fn large_response_is_compressed_if_the_client_accepts_it() {
    let large = Router::new().route(PATH, get(async || Json(vec!["keel"; 1000])));
    let client = behind_the_stack(large, |_| {});
    let encoded = async |accepted: &str| {
        let response = client.send(Method::GET, PATH, &[("accept-encoding", accepted)], Body::empty()).await;
        let encoding = response.header("content-encoding").to_owned();
        let varies = |name: &str| response.headers.get_all("vary").iter().any(|value| value == name);
        assert!(varies("origin") && varies("accept-encoding"), "{response:?}");
        assert_eq!(response.expect(StatusCode::OK).body.len() < 1000, !encoding.is_empty());
        encoding
    };
    assert_eq!(encoded("gzip").await, "gzip");
    assert_eq!(encoded("br").await, "br");
    assert_eq!(encoded("identity").await, "");
    assert_eq!(encoded("gzip;q=0").await, "");
    assert_eq!(encoded("unheard-of").await, "");
}

#[tokio::test]
async fn small_response_is_not_compressed() {
    let app = TestApp::start().await;
    let response = app.anonymous().send(Method::GET, "/", &[("accept-encoding", "gzip, br")], Body::empty()).await;
    assert!(!response.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn response_with_an_etag_is_not_compressed() {
    let handler = async || ([("etag", "\"1\"")], "kettle".repeat(1000));
    let client = behind_the_stack(Router::new().route(PATH, get(handler)), |_| {});
    let response = client.send(Method::GET, PATH, &[("accept-encoding", "gzip, br")], Body::empty()).await;
    assert!(!response.headers.contains_key("content-encoding"));
    assert_eq!(response.expect(StatusCode::OK).body.len(), 6000);
}
