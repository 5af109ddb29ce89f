//! The upstream service.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use keel::core::trace_context::TraceContext;
use keel::schemas::external::CombinedData;
use keel::upstream::UpstreamError;
use keel::upstream::breaker::Breaker;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::time::{Instant, timeout};
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::permissions::{Permissions, row};
use crate::support::{Client, TestApp};

/// An application with this upstream service, and a user of it.
async fn with_upstream(base_url: String, timeout_seconds: u64, retries: u32) -> (TestApp, Client) {
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

fn json_response(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

#[tokio::test]
async fn upstream_json_is_passed_on() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(format!("{}/base/", server.uri()), 5, 0).await;
    Mock::given(method("GET"))
        .and(path("/base/data"))
        .respond_with(json_response(json!({ "a": [1, null] })))
        .mount(&server)
        .await;
    assert_eq!(ann.get("/external-data").await.ok::<Value>(), json!({ "a": [1, null] }));
}

#[tokio::test]
async fn call_carries_request_id_and_trace_but_no_credentials() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(server.uri(), 5, 0).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Mock::given(header("x-request-id", "kettle-1"))
        .and(header("traceparent", trace))
        .respond_with(json_response(json!(1)))
        .mount(&server)
        .await;
    let headers = [("x-request-id", "kettle-1"), ("traceparent", trace)];
    ann.send(Method::GET, "/external-data", &headers, "".into()).await.ok::<Value>();
    // A generated id is passed on too, the user's token is not.
    server.reset().await;
    Mock::given(any()).respond_with(json_response(json!(1))).mount(&server).await;
    let made = ann.get("/external-data").await;
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["x-request-id"].to_str().unwrap(), made.header("x-request-id"));
    assert!(!request.headers.contains_key("authorization"));
}

#[tokio::test]
async fn malformed_trace_headers_are_not_passed_on() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(server.uri(), 5, 0).await;
    Mock::given(any()).respond_with(json_response(json!(1))).mount(&server).await;
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let long = "k=".to_owned() + &"v".repeat(600);
    for headers in [
        [("traceparent", "00-KETTLE"), ("tracestate", "k=v")],
        [("traceparent", &trace[..54]), ("tracestate", "k=v")],
        [("traceparent", trace), ("tracestate", &long)],
    ] {
        ann.send(Method::GET, "/external-data", &headers, "".into()).await.ok::<Value>();
        let requests = server.received_requests().await.unwrap();
        assert!(!requests.last().unwrap().headers.contains_key("tracestate"), "{headers:?}");
    }
    let headers = [("traceparent", trace), ("tracestate", "k=v")];
    ann.send(Method::GET, "/external-data", &headers, "".into()).await.ok::<Value>();
    assert_eq!(server.received_requests().await.unwrap().last().unwrap().headers["tracestate"], "k=v");
}

#[tokio::test]
async fn outage_of_the_upstream_service_is_retried() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(server.uri(), 5, 2).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(any()).respond_with(json_response(json!("at last"))).mount(&server).await;
    assert_eq!(ann.get("/external-data").await.ok::<Value>(), json!("at last"));
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn unusable_response_is_a_502_without_details() {
    let large = json!("x".repeat(1001));
    for (response, calls) in [
        (ResponseTemplate::new(500).set_body_string("secret"), 2),
        (ResponseTemplate::new(401), 1),
        (ResponseTemplate::new(429), 2),
        (ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"), 1),
        (ResponseTemplate::new(200).set_body_string("<html>"), 1),
        (json_response(large), 1),
    ] {
        let server = MockServer::start().await;
        let (_app, ann) = with_upstream(server.uri(), 5, 1).await;
        Mock::given(any()).respond_with(response).mount(&server).await;
        assert_eq!(ann.get("/external-data").await.error(StatusCode::BAD_GATEWAY), "The upstream service failed");
        assert_eq!(server.received_requests().await.unwrap().len(), calls);
    }
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let (_app, ann) = with_upstream(format!("http://{closed}"), 5, 1).await;
    ann.get("/external-data").await.error(StatusCode::BAD_GATEWAY);
    let app = TestApp::start().await;
    app.user("ann").await.get("/external-data").await.error(StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn slow_upstream_is_a_504() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(server.uri(), 1, 5).await;
    let never = json_response(json!(1)).set_delay(Duration::from_hours(1));
    Mock::given(any()).respond_with(never).mount(&server).await;
    let text = ann.get("/external-data").await.error(StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(text, "The upstream service takes too long");
}

#[tokio::test]
async fn breaker_stops_calls_after_five_outages() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(server.uri(), 5, 0).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&server).await;
    for _ in 0..20 {
        ann.get("/external-data").await.error(StatusCode::BAD_GATEWAY);
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 5);
}

#[tokio::test]
async fn missing_upstream_resource_is_a_404_and_no_outage() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(server.uri(), 5, 1).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(404).set_body_string("secret")).mount(&server).await;
    for _ in 0..10 {
        let text = ann.get("/external-data").await.error(StatusCode::NOT_FOUND);
        assert_eq!(text, "Not found in the upstream service");
    }
    assert_eq!(server.received_requests().await.unwrap().len(), 10, "neither retries nor an open breaker");
}

#[tokio::test]
async fn refused_calls_do_not_open_the_breaker() {
    for status in [400, 401, 403, 429] {
        let server = MockServer::start().await;
        let (_app, ann) = with_upstream(server.uri(), 5, 0).await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).up_to_n_times(10).mount(&server).await;
        for _ in 0..10 {
            ann.get("/external-data").await.error(StatusCode::BAD_GATEWAY);
        }
        Mock::given(any()).respond_with(json_response(json!("back"))).mount(&server).await;
        assert_eq!(ann.get("/external-data").await.ok::<Value>(), json!("back"), "{status}");
    }
}

#[tokio::test]
async fn timeouts_and_failed_connections_open_the_breaker() {
    let server = MockServer::start().await;
    let (app, _ann) = with_upstream(server.uri(), 1, 0).await;
    let never = json_response(json!(1)).set_delay(Duration::from_hours(1));
    Mock::given(any()).respond_with(never).mount(&server).await;
    let call = || async { app.state.upstream.get("data", &TraceContext::default()).await.unwrap_err() };
    assert_eq!(join_all((0..5).map(|_| call())).await, [UpstreamError::TimedOut; 5]);
    assert_eq!(call().await, UpstreamError::Down);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (app, _ann) = with_upstream(format!("http://{}", listener.local_addr().unwrap()), 5, 0).await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    for _ in 0..5 {
        app.state.upstream.get("data", &TraceContext::default()).await.unwrap_err();
    }
    // The service is there now, but not called yet.
    let back = TcpListener::bind(address).await.unwrap();
    app.state.upstream.get("data", &TraceContext::default()).await.unwrap_err();
    assert!(timeout(Duration::from_millis(100), back.accept()).await.is_err(), "no call");
}

#[test]
fn breaker_allows_one_call_after_the_open_period() {
    let (breaker, now) = (Breaker::default(), Instant::now());
    for _ in 0..5 {
        assert!(breaker.allows(now));
        breaker.record(false, now);
    }
    assert!(!breaker.allows(now));
    let later = now + Duration::from_secs(5);
    assert!(breaker.allows(later) && !breaker.allows(later));
    breaker.record(true, later);
    assert!(breaker.allows(later) && breaker.allows(later));
}

/// Each of the three calls gets its response once all three were made.
#[tokio::test]
async fn combined_calls_run_at_the_same_time() {
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
    let (_app, ann) = with_upstream(format!("http://{address}"), 5, 0).await;
    let combined: CombinedData = ann.get("/combined-data").await.ok();
    assert_eq!(combined.users, json!(["/users"]));
    assert_eq!(combined.posts, json!(["/posts"]));
    assert_eq!(combined.comments, json!(["/comments"]));
    assert!(combined.failed.is_empty());
}

#[tokio::test]
async fn partial_result_names_the_failed_part() {
    let server = MockServer::start().await;
    let (_app, ann) = with_upstream(server.uri(), 5, 0).await;
    Mock::given(path("/posts")).respond_with(ResponseTemplate::new(400)).mount(&server).await;
    Mock::given(any()).respond_with(json_response(json!([1]))).mount(&server).await;
    ann.get("/combined-data").await.error(StatusCode::BAD_GATEWAY);
    ann.get("/combined-data?partial=false").await.error(StatusCode::BAD_GATEWAY);
    let combined: CombinedData = ann.get("/combined-data?partial=true").await.ok();
    assert_eq!((combined.users, combined.posts, combined.comments), (json!([1]), Value::Null, json!([1])));
    assert_eq!(combined.failed, ["posts"]);
    // Nothing is left to return. The mock server itself responds with 404.
    server.reset().await;
    ann.get("/combined-data?partial=true").await.error(StatusCode::NOT_FOUND);
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
