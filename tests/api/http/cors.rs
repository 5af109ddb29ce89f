//! CORS: pages of `https://app.example.com` may call the API, as the settings of the tests say.

use std::collections::HashSet;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::document::operations;
use crate::support::{Client, Response, TestApp};

const OURS: &str = "https://app.example.com";

async fn from(client: &Client, origin: &str, path: &str) -> Response {
    client.send(Method::GET, path, &[("origin", origin)], Body::empty()).await
}

/// A page of the allowed origin may read the response, also with credentials.
#[track_caller]
fn is_shared(response: &Response) {
    assert_eq!(response.header("access-control-allow-origin"), OURS, "{} {}", response.asked, response.status);
    assert_eq!(response.header("access-control-allow-credentials"), "true", "{}", response.asked);
}

#[track_caller]
fn is_withheld(response: &Response) {
    assert!(!response.headers.contains_key("access-control-allow-origin"), "{}: {response:?}", response.asked);
}

#[tokio::test]
async fn allowed_origin_may_read_responses_and_errors() {
    let app = TestApp::start().await;
    let (ann, root, anonymous) = (app.user("ann").await, app.superuser("root").await, app.anonymous());
    is_shared(&from(&ann, OURS, "/users/me").await.expect(StatusCode::OK));
    is_shared(&from(&anonymous, OURS, "/users/me").await.expect(StatusCode::UNAUTHORIZED));
    is_shared(&from(&ann, OURS, "/users").await.expect(StatusCode::FORBIDDEN));
    is_shared(&from(&ann, OURS, "/nowhere").await.expect(StatusCode::NOT_FOUND));
    is_shared(&from(&root, OURS, "/users?limit=0").await.expect(StatusCode::UNPROCESSABLE_ENTITY));
    is_shared(&from(&ann, OURS, "/token").await.expect(StatusCode::METHOD_NOT_ALLOWED));
    let headers = [("origin", OURS), ("host", "evil.example.com")];
    is_shared(&ann.send(Method::GET, "/users/me", &headers, Body::empty()).await.expect(StatusCode::BAD_REQUEST));
}

/// The names in a header that is a list, in lower case.
fn names(response: &Response, header: &str) -> HashSet<String> {
    response.header(header).split(',').map(|name| name.trim().to_lowercase()).collect()
}

#[tokio::test]
async fn allowed_origin_may_read_the_headers_that_matter() {
    let app = TestApp::start().await;
    let response = from(&app.user("ann").await, OURS, "/users/me").await;
    let exposed = names(&response, "access-control-expose-headers");
    for header in [
        "etag",
        "location",
        "retry-after",
        "x-request-id",
        "x-process-time",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "www-authenticate",
    ] {
        assert!(exposed.contains(header), "{header} in {exposed:?}");
    }
}

/// What the document names as a header parameter, and what every client may send.
fn sent_headers() -> HashSet<String> {
    let parameters = operations().flat_map(|operation| operation.value["parameters"].as_array().into_iter().flatten());
    let documented = parameters.filter(|parameter| parameter["in"] == "header");
    let documented = documented.map(|parameter| parameter["name"].as_str().unwrap().to_lowercase());
    let always = [
        "accept",
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "traceparent", // only with external or observability
        "tracestate",  // only with external or observability
        "x-request-id",
        "x-api-key", // only with api_keys
    ];
    documented.chain(always.map(str::to_owned)).collect()
}

#[tokio::test]
async fn other_origins_may_not_read_responses() {
    let app = TestApp::start().await;
    let (ann, anonymous) = (app.user("ann").await, app.anonymous());
    for origin in [
        "https://evil.example.com",
        "null",
        "https://app.example.com.evil.com",
        "https://evilapp.example.com",
        "https://app.example.community",
        "https://sub.app.example.com",
        "https://example.com",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com@evil.com",
        "https://app.example.com, https://evil.example.com",
        "https://app.example.com/",
        "*",
        "",
    ] {
        is_withheld(&from(&ann, origin, "/users/me").await.expect(StatusCode::OK));
        is_withheld(&from(&anonymous, origin, "/users/me").await.expect(StatusCode::UNAUTHORIZED));
    }
    is_withheld(&ann.get("/users/me").await);
}

#[tokio::test]
async fn responses_vary_by_origin() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let responses = [
        ann.get("/users/me").await,
        from(&ann, OURS, "/users/me").await,
        from(&ann, "https://evil.example.com", "/users/me").await,
        from(&ann, OURS, "/nowhere").await,
        from(&app.anonymous(), "null", "/users/me").await,
    ];
    for response in responses {
        let vary = response.headers.get_all("vary").iter().map(|value| value.to_str().unwrap().to_lowercase());
        assert!(vary.collect::<Vec<_>>().join(",").contains("origin"), "{}: {response:?}", response.asked);
    }
}

#[tokio::test]
async fn preflight_allows_every_method_and_header_of_the_document() {
    let app = TestApp::start().await;
    let needed = sent_headers();
    let requested = needed.iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let preflight = async |origin: &str, method: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", &*requested),
        ];
        app.anonymous().send(Method::OPTIONS, "/users/me", &headers, Body::empty()).await
    };
    for method in operations().map(|operation| operation.method.to_string()) {
        let response = preflight(OURS, &method).await;
        assert!(response.status.is_success() && response.body.is_empty(), "{response:?}");
        is_shared(&response);
        assert!(names(&response, "access-control-allow-methods").contains(&method.to_lowercase()), "{method}");
        let allowed = names(&response, "access-control-allow-headers");
        assert!(allowed.is_superset(&needed), "missing: {:?}", needed.difference(&allowed));
        assert!(response.header("access-control-max-age").parse::<u32>().unwrap() > 0);
    }
    is_withheld(&preflight("https://evil.example.com", "GET").await);
    is_withheld(&preflight("null", "GET").await);
}

#[tokio::test]
async fn wildcard_origin_shares_without_credentials() {
    let app = TestApp::with(|settings| {
        settings.cors.allowed_origins = vec!["*".to_owned()];
        settings.cors.allow_credentials = false;
    })
    .await;
    let ann = app.user("ann").await;
    let response = ann.send(Method::POST, "/users/signup", &[("origin", "https://any.example")], Body::empty()).await;
    assert_eq!(response.header("access-control-allow-origin"), "*");
    assert!(!response.headers.contains_key("access-control-allow-credentials"));
    response.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn no_origin_is_allowed_by_default() {
    let app = TestApp::with(|settings| settings.cors.allowed_origins = vec![]).await;
    let ann = app.user("ann").await;
    is_withheld(&from(&ann, OURS, "/users/me").await);
    let headers = [("origin", OURS), ("content-type", "application/json")];
    let body = json!({ "email": "bob@example.com", "password": "correct horse battery" }).to_string();
    is_withheld(&ann.send(Method::POST, "/users/signup", &headers, body.into()).await.expect(StatusCode::CREATED));
}
