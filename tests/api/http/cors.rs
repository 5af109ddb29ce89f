//! Whose pages may read the answers: `https://app.example.com`, as config/test.toml says.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Answer, Client, TestApp};

const OURS: &str = "https://app.example.com";

async fn from(client: &Client, origin: &str, path: &str) -> Answer {
    client.send(Method::GET, path, &[("origin", origin)], Body::empty()).await
}

/// A page may read the answer, whoever is logged in there.
#[track_caller]
fn is_shared(answer: &Answer) {
    assert_eq!(answer.header("access-control-allow-origin"), OURS, "{} {}", answer.asked, answer.status);
    assert_eq!(answer.header("access-control-allow-credentials"), "true", "{}", answer.asked);
}

#[track_caller]
fn is_withheld(answer: &Answer) {
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "{}: {answer:?}", answer.asked);
}

#[tokio::test]
async fn our_origin_may_read_answers_and_errors() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.user("ann").await, app.anonymous());
    is_shared(&from(&ann, OURS, "/items").await.expect(StatusCode::OK));
    is_shared(&from(&nobody, OURS, "/items").await.expect(StatusCode::UNAUTHORIZED));
    is_shared(&from(&ann, OURS, "/users").await.expect(StatusCode::FORBIDDEN));
    is_shared(&from(&ann, OURS, "/nowhere").await.expect(StatusCode::NOT_FOUND));
    is_shared(&from(&ann, OURS, "/items?limit=0").await.expect(StatusCode::UNPROCESSABLE_ENTITY));
    is_shared(&from(&ann, OURS, "/token").await.expect(StatusCode::METHOD_NOT_ALLOWED));
    let headers = [("origin", OURS), ("host", "evil.example.com")];
    is_shared(&ann.send(Method::GET, "/items", &headers, Body::empty()).await.expect(StatusCode::BAD_REQUEST));
}

#[tokio::test]
async fn our_origin_may_read_the_headers_that_matter() {
    let app = TestApp::start().await;
    let answer = from(&app.user("ann").await, OURS, "/items").await;
    let exposed = answer.header("access-control-expose-headers").to_lowercase();
    for header in ["etag", "location", "retry-after", "x-request-id"] {
        assert!(exposed.contains(header), "{header} in {exposed}");
    }
}

#[tokio::test]
async fn other_origins_may_not() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.user("ann").await, app.anonymous());
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
        is_withheld(&from(&ann, origin, "/items").await.expect(StatusCode::OK));
        is_withheld(&from(&nobody, origin, "/items").await.expect(StatusCode::UNAUTHORIZED));
    }
    is_withheld(&ann.get("/items").await);
}

#[tokio::test]
async fn caches_are_told_that_the_origin_matters() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let answers = [
        ann.get("/items").await,
        from(&ann, OURS, "/items").await,
        from(&ann, "https://evil.example.com", "/items").await,
        from(&ann, OURS, "/nowhere").await,
        from(&app.anonymous(), "null", "/items").await,
    ];
    for answer in answers {
        let vary = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap().to_lowercase());
        assert!(vary.collect::<Vec<_>>().join(",").contains("origin"), "{}: {answer:?}", answer.asked);
    }
}

#[tokio::test]
async fn a_preflight_is_answered() {
    let app = TestApp::start().await;
    let ask = async |origin: &str, method: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", method),
            ("access-control-request-headers", "authorization,content-type,if-match,if-none-match,x-request-id"),
        ];
        app.anonymous().send(Method::OPTIONS, "/items", &headers, Body::empty()).await
    };
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let answer = ask(OURS, method).await;
        assert!(answer.status.is_success() && answer.body.is_empty(), "{answer:?}");
        is_shared(&answer);
        let (methods, headers) = (
            answer.header("access-control-allow-methods").to_uppercase(),
            answer.header("access-control-allow-headers").to_lowercase(),
        );
        assert!(methods.split(',').any(|allowed| allowed.trim() == method), "{method} in {methods}");
        for header in ["authorization", "content-type", "if-match", "if-none-match", "x-request-id"] {
            assert!(headers.split(',').any(|allowed| allowed.trim() == header), "{header} in {headers}");
        }
        assert!(answer.header("access-control-max-age").parse::<u32>().unwrap() > 0);
    }
    is_withheld(&ask("https://evil.example.com", "GET").await);
    is_withheld(&ask("null", "GET").await);
}

#[tokio::test]
async fn a_service_for_everybody_shares_without_credentials() {
    let app = TestApp::with(|settings| {
        settings.cors.allowed_origins = vec!["*".to_owned()];
        settings.cors.allow_credentials = false;
    })
    .await;
    let ann = app.user("ann").await;
    let answer = ann.send(Method::POST, "/items", &[("origin", "https://any.example")], Body::empty()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    answer.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn nobody_is_allowed_unless_named() {
    let app = TestApp::with(|settings| settings.cors.allowed_origins = vec![]).await;
    let ann = app.user("ann").await;
    is_withheld(&from(&ann, OURS, "/items").await);
    let headers = [("origin", OURS), ("content-type", "application/json")];
    let body = json!({ "title": "x" }).to_string();
    is_withheld(&ann.send(Method::POST, "/items", &headers, body.into()).await.expect(StatusCode::CREATED));
}
