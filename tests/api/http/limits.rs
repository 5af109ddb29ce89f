//! What holds for every handler: its panics, its time, the size and time of a body, compression.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{get, post};
use axum::{Json, Router};
use hyper::body::Frame;
use keel::core::clock::Clock;
use keel::core::config::Settings;
use keel::middleware;
use keel::rate_limit::Limiter;
use keel::schemas::item::ItemCreate;
use keel::validation::ValidJson;
use serde_json::{Value, json};
use tokio::time::{Interval, interval, timeout};

use crate::support::app::settings;
use crate::support::socket::TIMEOUT;
use crate::support::{Client, TestApp};

/// Handlers of a test's own, behind the service's whole stack.
fn behind_the_stack(router: Router, change: impl FnOnce(&mut Settings)) -> Client {
    let mut settings = settings();
    change(&mut settings);
    let limiter = Arc::new(Limiter::new(&settings, Clock::system()).unwrap());
    Client::new(middleware::apply(router, &settings.into(), &limiter), None)
}

/// Where the handlers of these tests are.
const PATH: &str = "/api/test";
const JSON: (&str, &str) = ("content-type", "application/json");

/// Takes an item, and says how long its title is.
fn measuring(change: impl FnOnce(&mut Settings)) -> Client {
    let handler = async |ValidJson(item): ValidJson<ItemCreate>| item.title.len().to_string();
    behind_the_stack(Router::new().route(PATH, post(handler)), change)
}

/// JSON of exactly this length, which the handler accepts.
fn item_of(length: usize) -> String {
    let item = json!({ "title": "x" }).to_string();
    format!("{item}{}", " ".repeat(length - item.len()))
}

/// A body of which a byte comes every hundredth of a second, without end.
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

/// A body in one piece of which nobody knows the length beforehand, as with chunks.
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
async fn a_panic_costs_one_request_and_tells_nothing() {
    let panics = async |uri: Uri| -> &'static str {
        assert!(uri.query().is_none(), "the secret of {uri}");
        "fine"
    };
    let client = behind_the_stack(Router::new().route(PATH, get(panics)), |_| {});
    for (accept, code) in [("*/*", Value::Null), ("application/problem+json", json!("internal_error"))] {
        let headers = [("origin", "https://app.example.com"), ("x-request-id", "my-request"), ("accept", accept)];
        let path = format!("{PATH}?panic");
        let answer = client.send(Method::GET, &path, &headers, Body::empty()).await;
        assert_eq!(answer.header("access-control-allow-origin"), "https://app.example.com");
        assert_eq!(answer.header("x-request-id"), "my-request");
        assert_eq!(answer.read::<Value>()["code"], code);
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
        assert_eq!(answer.error(StatusCode::INTERNAL_SERVER_ERROR), "Internal Server Error");
        client.get(PATH).await.expect(StatusCode::OK);
    }
    let answer = client.get(&format!("{PATH}?panic")).await;
    assert_eq!(answer.read::<Value>(), json!({ "detail": "Internal Server Error" }));
}

#[tokio::test]
async fn a_handler_that_takes_too_long_is_given_up() {
    let stalls = Router::new().route(PATH, get(std::future::pending::<&'static str>));
    let client = behind_the_stack(stalls, |settings| settings.server.request_timeout_seconds = 1);
    let answer = timeout(TIMEOUT, client.get(PATH)).await.expect("an answer");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    assert_eq!(answer.error(StatusCode::SERVICE_UNAVAILABLE), "Service temporarily unavailable");
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_read() {
    let client = measuring(|settings| settings.server.max_body_bytes = 1000);
    for length in ["1001", "18446744073709551615"] {
        // Nobody would be done reading this one.
        let headers = [JSON, ("content-length", length)];
        let answer = timeout(TIMEOUT, client.send(Method::POST, PATH, &headers, Trickle::body())).await;
        assert_eq!(answer.expect("an answer").error(StatusCode::PAYLOAD_TOO_LARGE), "The request body is too large");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_without_saying_so_too() {
    let client = measuring(|settings| settings.server.max_body_bytes = 1000);
    for (length, status) in [(1000, StatusCode::OK), (1001, StatusCode::PAYLOAD_TOO_LARGE)] {
        let body = Bytes::from(item_of(length));
        for body in [Body::from(body.clone()), Body::new(Chunked(Some(body)))] {
            client.send(Method::POST, PATH, &[JSON], body).await.expect(status);
        }
    }
    let endless = client.send(Method::POST, PATH, &[JSON], Body::new(Endless));
    timeout(TIMEOUT, endless).await.expect("an answer").error(StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_limit_of_a_body_is_a_setting_of_the_service() {
    let app = TestApp::with(|settings| settings.server.max_body_bytes = 2 * 1024 * 1024 + 1).await;
    let ann = app.user("ann").await;
    // More than axum's own limit.
    let body = item_of(2 * 1024 * 1024 + 1);
    ann.send(Method::POST, "/items", &[JSON], body.clone().into()).await.created::<Value>();
    let too_large = ann.send(Method::POST, "/items", &[JSON], format!("{body} ").into()).await;
    too_large.error(StatusCode::PAYLOAD_TOO_LARGE);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let too_large = ann.send(Method::POST, "/token", &[form], format!("{body} ").into()).await;
    too_large.error(StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up() {
    let client = measuring(|settings| settings.server.body_timeout_seconds = 1);
    let answer = client.send(Method::POST, PATH, &[JSON], Trickle::body());
    let answer = timeout(TIMEOUT, answer).await.expect("an answer");
    assert_eq!(answer.error(StatusCode::REQUEST_TIMEOUT), "The request body did not arrive in time");
}

#[tokio::test]
async fn large_answers_are_compressed_for_who_understands() {
    let large = Router::new().route(PATH, get(async || Json(vec!["keel"; 1000])));
    let client = behind_the_stack(large, |_| {});
    let encoded = async |accepted: &str| {
        let answer = client.send(Method::GET, PATH, &[("accept-encoding", accepted)], Body::empty()).await;
        let encoding = answer.header("content-encoding").to_owned();
        let varies = |name: &str| answer.headers.get_all("vary").iter().any(|value| value == name);
        assert!(varies("origin") && varies("accept-encoding"), "{answer:?}");
        assert_eq!(answer.expect(StatusCode::OK).body.len() < 1000, !encoding.is_empty());
        encoding
    };
    assert_eq!(encoded("gzip").await, "gzip");
    assert_eq!(encoded("br").await, "br");
    assert_eq!(encoded("identity").await, "");
    assert_eq!(encoded("gzip;q=0").await, "");
    assert_eq!(encoded("unheard-of").await, "");
}

#[tokio::test]
async fn small_answers_are_not_compressed() {
    let app = TestApp::start().await;
    let answer = app.anonymous().send(Method::GET, "/", &[("accept-encoding", "gzip, br")], Body::empty()).await;
    assert!(!answer.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn an_answer_with_an_etag_is_these_very_bytes() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = json!({ "title": "🫖".repeat(255), "description": "🫖".repeat(255) });
    let headers = [JSON, ("accept-encoding", "gzip, br")];
    let answer = ann.send(Method::POST, "/items", &headers, body.to_string().into()).await;
    assert!(answer.body.len() > 2000 && !answer.header("etag").is_empty());
    assert!(!answer.headers.contains_key("content-encoding"));
    answer.created::<Value>();
}
