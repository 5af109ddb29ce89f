//! Calls of another service.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use keel::schemas::external::CombinedData;
use keel::upstream::breaker::Breaker;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::time::Instant;
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::permissions::{Permissions, row};
use crate::support::{Client, TestApp};

/// An application that calls this address, and a user of it.
async fn calling(base_url: String, timeout_seconds: u64, retries: u32) -> (TestApp, Client) {
    let app = TestApp::with(|settings| {
        settings.upstream.base_url = Some(base_url);
        settings.upstream.timeout_seconds = timeout_seconds;
        settings.upstream.retries = retries;
        settings.upstream.max_body_bytes = 1000;
    })
    .await;
    let ann = app.user("ann").await;
    (app, ann)
}

fn json_answer(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn what_the_other_service_says_is_passed_on() {
    let server = MockServer::start().await;
    let (_app, ann) = calling(format!("{}/base/", server.uri()), 5, 0).await;
    Mock::given(method("GET"))
        .and(path("/base/data"))
        .respond_with(json_answer(json!({ "a": [1, null] })))
        .mount(&server)
        .await;
    assert_eq!(ann.get("/external-data").await.ok::<Value>(), json!({ "a": [1, null] }));
}

#[tokio::test]
async fn a_call_says_which_request_it_is_for() {
    let server = MockServer::start().await;
    let (_app, ann) = calling(server.uri(), 5, 0).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Mock::given(header("x-request-id", "kettle-1"))
        .and(header("traceparent", trace))
        .respond_with(json_answer(json!(1)))
        .mount(&server)
        .await;
    let headers = [("x-request-id", "kettle-1"), ("traceparent", trace)];
    ann.send(Method::GET, "/external-data", &headers, "".into()).await.ok::<Value>();
    // One that the service has made itself goes along, too; what is between user and service does not.
    server.reset().await;
    Mock::given(any()).respond_with(json_answer(json!(1))).mount(&server).await;
    let made = ann.get("/external-data").await;
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["x-request-id"].to_str().unwrap(), made.header("x-request-id"));
    assert!(!request.headers.contains_key("authorization"));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let server = MockServer::start().await;
    let (_app, ann) = calling(server.uri(), 5, 2).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(any()).respond_with(json_answer(json!("at last"))).mount(&server).await;
    assert_eq!(ann.get("/external-data").await.ok::<Value>(), json!("at last"));
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_is_no_answer_is_a_502_and_says_nothing_of_it() {
    let large = json!("x".repeat(1001));
    for (answer, calls) in [
        (ResponseTemplate::new(500).set_body_string("secret"), 2),
        (ResponseTemplate::new(404), 1),
        (ResponseTemplate::new(401), 1),
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"), 1),
        (ResponseTemplate::new(200).set_body_string("<html>"), 1),
        (json_answer(large), 1),
    ] {
        let server = MockServer::start().await;
        let (_app, ann) = calling(server.uri(), 5, 1).await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        assert_eq!(ann.get("/external-data").await.error(StatusCode::BAD_GATEWAY), "The upstream service failed");
        assert_eq!(server.received_requests().await.unwrap().len(), calls);
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (_app, ann) = calling(format!("http://{nobody}"), 5, 1).await;
    ann.get("/external-data").await.error(StatusCode::BAD_GATEWAY);
    let app = TestApp::start().await;
    app.user("ann").await.get("/external-data").await.error(StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn what_takes_too_long_is_a_504() {
    let server = MockServer::start().await;
    let (_app, ann) = calling(server.uri(), 1, 5).await;
    let never = json_answer(json!(1)).set_delay(Duration::from_hours(1));
    Mock::given(any()).respond_with(never).mount(&server).await;
    let text = ann.get("/external-data").await.error(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(text, "The upstream service takes too long");
}

#[tokio::test]
async fn what_is_down_is_not_called_for_a_while() {
    let server = MockServer::start().await;
    let (_app, ann) = calling(server.uri(), 5, 0).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    for _ in 0..20 {
        ann.get("/external-data").await.error(StatusCode::BAD_GATEWAY);
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 5);
}

#[test]
fn after_a_pause_one_call_finds_out() {
    let (breaker, now) = (Breaker::default(), Instant::now());
    for _ in 0..5 {
        assert!(breaker.allows(now));
        breaker.note(false, now);
    }
    assert!(!breaker.allows(now));
    let later = now + Duration::from_secs(5);
    assert!(breaker.allows(later) && !breaker.allows(later));
    breaker.note(true, later);
    assert!(breaker.allows(later) && breaker.allows(later));
}

/// Each of the three is answered only once all three were asked.
#[tokio::test]
async fn three_calls_are_made_at_once() {
    let barrier = Arc::new(Barrier::new(3));
    let handler = move |uri: axum::http::Uri| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            axum::Json(json!([uri.path()]))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await });
    let (_app, ann) = calling(format!("http://{address}"), 5, 0).await;
    let combined: CombinedData = ann.get("/combined-data").await.ok();
    assert_eq!(combined.users, json!(["/users"]));
    assert_eq!(combined.posts, json!(["/posts"]));
    assert_eq!(combined.comments, json!(["/comments"]));
    assert!(combined.failed.is_empty());
}

#[tokio::test]
async fn one_failed_part_is_named_where_that_is_wanted() {
    let server = MockServer::start().await;
    let (_app, ann) = calling(server.uri(), 5, 0).await;
    Mock::given(path("/posts")).respond_with(ResponseTemplate::new(404)).mount(&server).await;
    Mock::given(any()).respond_with(json_answer(json!([1]))).mount(&server).await;
    ann.get("/combined-data").await.error(StatusCode::BAD_GATEWAY);
    ann.get("/combined-data?partial=false").await.error(StatusCode::BAD_GATEWAY);
    let combined: CombinedData = ann.get("/combined-data?partial=true").await.ok();
    assert_eq!((combined.users, combined.posts, combined.comments), (json!([1]), Value::Null, json!([1])));
    assert_eq!(combined.failed, ["posts"]);
    server.reset().await;
    ann.get("/combined-data?partial=true").await.error(StatusCode::BAD_GATEWAY);
}

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("external-read_external_data", "", [401, 200, 200, 200]),
        row("external-read_combined_data", "", [401, 200, 200, 200]),
    ],
    placeholders: &[],
};
