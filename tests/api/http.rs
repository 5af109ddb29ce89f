//! HTTP in general: paths, methods, and the headers of every response.

mod cors;
mod disconnect;
mod errors;
mod guards;
mod hosts;
mod limits;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use keel::core::clock::Clock;
use keel::core::config::Settings;
use keel::middleware;
use keel::rate_limit::Limiter;
use serde_json::{Value, json};

use crate::permissions::{Permissions, row};
use crate::support::app::settings;
use crate::support::{Client, Response, TestApp};

/// Handlers of a test's own behind the whole middleware.
pub fn behind_the_stack(router: Router, change: impl FnOnce(&mut Settings)) -> Client {
    let mut settings = settings();
    change(&mut settings);
    let limiter = Arc::new(Limiter::new(&settings, Clock::system()).unwrap());
    Client::new(middleware::apply(router, &settings.into(), &limiter), None)
}

/// Sends a request to exactly this path, without the base path of the API.
async fn exactly(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = Request::builder().method(method).uri(path).header("host", "testserver");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.request(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn unknown_path_gets_404() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for path in
        ["/nowhere", "/api/v1", "/api/v2/users/me", "/api/v1/users/x/y", "/API/v1/users/me", "/%2e%2e/etc/passwd"]
    {
        for method in [Method::GET, Method::POST] {
            let response = exactly(&ann, method, path, &[]).await.expect(StatusCode::NOT_FOUND);
            assert_eq!(response.read::<Value>(), json!({ "detail": "Not Found" }), "{path}");
        }
    }
}

#[tokio::test]
async fn wrong_method_gets_405_with_the_allowed_methods() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for (method, path, allowed) in [
        ("PUT", "/api/v1/users", "GET,HEAD,POST"),
        ("POST", "/api/v1/users/me", "DELETE,GET,HEAD,PATCH"),
        ("GET", "/token", "POST"),
        ("DELETE", "/", "GET,HEAD"),
        ("BREW", "/health/live", "GET,HEAD"),
    ] {
        let response = exactly(&ann, method.parse().unwrap(), path, &[]).await.expect(StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.read::<Value>(), json!({ "detail": "Method Not Allowed" }));
        let mut methods: Vec<&str> = response.header("allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn trailing_slash_makes_no_difference() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    root.patch("/users/me/", json!({ "age": 30 })).await.expect(StatusCode::OK);
    for path in ["/users", "/users/", "/users/?limit=1", "/users/me/", "/health/live/", "/docs/", "/openapi.json/"] {
        root.get(path).await.expect(StatusCode::OK);
    }
    assert_eq!(root.get("/users/?limit=0").await.problems(), ["query.limit: greater_than_equal"]);
    root.get("/nowhere/").await.is_not_found();
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::start().await;
    let response = app.user("ann").await.send(Method::HEAD, "/users/me", &[], Body::empty()).await;
    assert!(response.expect(StatusCode::OK).body.is_empty());
}

#[tokio::test]
async fn safe_request_id_is_returned() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for id in ["a", "0af7-651916cd_43dd", &"x".repeat(64)] {
        for path in ["/health/live", "/nowhere", "/api/v1/users/me"] {
            let response = exactly(&client, Method::GET, path, &[("x-request-id", id)]).await;
            assert_eq!(response.header("x-request-id"), id, "{path}");
        }
    }
}

#[tokio::test]
async fn unsafe_request_id_is_replaced() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let mut made = Vec::new();
    for id in ["", " ", "a b", "a\tb", "a\"b", "{}", "é", "a.b", "a/b", &"x".repeat(65)] {
        let response = exactly(&client, Method::GET, "/health/live", &[("x-request-id", id)]).await;
        made.push(response.header("x-request-id").to_owned());
    }
    made.push(client.get("/health/live").await.header("x-request-id").to_owned());
    for id in &made {
        assert!((1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    }
    let count = made.len();
    made.sort();
    made.dedup();
    assert_eq!(made.len(), count, "each id is new");
}

#[tokio::test]
async fn every_response_has_the_common_headers() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let preflight = [("origin", "https://app.example.com"), ("access-control-request-method", "GET")];
    let responses = [
        ann.get("/").await,
        ann.get("/users/me").await,
        ann.get("/nowhere").await,
        ann.get("/users/7").await,
        ann.get("/docs").await,
        ann.put("/users", json!({})).await,
        app.anonymous().get("/users/me").await,
        exactly(&ann, Method::OPTIONS, "/api/v1/users", &preflight).await,
        exactly(&ann, Method::GET, "/", &[("host", "evil.example.com")]).await,
    ];
    for response in responses {
        assert!(!response.header("x-request-id").is_empty(), "{}", response.asked);
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{}", response.asked);
        let time = response.header("x-process-time");
        let (whole, places) = time.split_once('.').expect("a decimal");
        assert!([whole, places].iter().all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())), "{time}");
        assert!((0.0..60.0).contains(&time.parse::<f64>().unwrap()), "{time}");
        assert!(!response.headers.contains_key("server") && !response.headers.contains_key("x-powered-by"));
    }
}

#[tokio::test]
async fn responses_to_authenticated_requests_are_not_cached() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let form = [("username", "ann"), ("password", crate::support::app::PASSWORD)];
    let responses = [
        ann.get("/users/me").await,
        ann.patch("/users/me", json!({ "age": 30 })).await,
        ann.get("/users/7").await,
        ann.get("/users").await,
        app.anonymous().get("/users/me").await,
        app.anonymous().form("/token", &form).await.expect(StatusCode::OK),
        app.anonymous().form("/login/access-token", &[("username", "ann"), ("password", "wrong")]).await,
    ];
    for response in responses {
        assert_eq!(response.header("cache-control"), "no-store", "{} {}", response.asked, response.status);
    }
}

/// Who may do what with the greeting and the health checks.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("root-read_root", "", [200, 200, 200, 200]),
        row("health-live", "", [200, 200, 200, 200]),
        row("health-ready", "", [200, 200, 200, 200]),
    ],
    placeholders: &[],
};
