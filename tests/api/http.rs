//! HTTP in general: errors, paths, and the headers that every answer has.

mod cors;
mod hosts;
mod limits;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::permissions::{Permissions, row};
use crate::support::{Answer, Client, TestApp};

/// The path as it stands, without the API's base in front of it.
async fn exactly(client: &Client, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "testserver");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.request(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn an_invalid_request_is_told_in_fastapis_shape() {
    let app = TestApp::start().await;
    let answer = app.user("ann").await.post("/items", json!({ "title": "", "tags": [1] })).await;
    assert_eq!(answer.header("content-type"), "application/json");
    let body: Value = answer.expect(StatusCode::UNPROCESSABLE_ENTITY).read();
    let title = json!({
        "loc": ["body", "title"], "msg": "String should have at least 1 character", "type": "string_too_short",
        "ctx": { "min_length": 1 },
    });
    let tag = json!({ "loc": ["body", "tags", 0], "msg": "Input should be a valid string", "type": "string_type" });
    assert_eq!(body, json!({ "detail": [title, tag] }));
}

#[tokio::test]
async fn an_error_is_a_text_in_fastapis_shape() {
    let app = TestApp::start().await;
    let answer = app.anonymous().get("/items").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.read::<Value>(), json!({ "detail": "Could not validate credentials" }));
    answer.is_unauthorized();
}

#[tokio::test]
async fn who_asks_for_problem_details_gets_the_same_facts() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let item = "/items/0197c5a0-0000-7000-8000-000000000000";
    for accept in ["application/problem+json", "text/html, Application/Problem+JSON;q=0.5, */*"] {
        let headers = [("accept", accept), ("content-type", "application/json"), ("x-request-id", "my-request")];
        for (client, method, path, body, code, title, detail) in [
            (&ann, "GET", item, "", "not_found", "Not Found", "Item not found"),
            (&ann, "GET", "/nowhere", "", "not_found", "Not Found", "Not Found"),
            (&ann, "DELETE", "/items", "", "method_not_allowed", "Method Not Allowed", "Method Not Allowed"),
            (&ann, "POST", "/items", "{}", "validation_error", "Unprocessable Entity", "The request is not valid"),
            (&app.anonymous(), "GET", "/items", "", "unauthorized", "Unauthorized", "Could not validate credentials"),
            (&ann, "GET", "/users", "", "forbidden", "Forbidden", "The user doesn't have enough privileges"),
        ] {
            let answer = client.send(method.parse().unwrap(), path, &headers, body.into()).await;
            assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
            let mut problem: Value = answer.read();
            let errors = problem.as_object_mut().unwrap().remove("errors");
            let expected = json!({
                "type": "about:blank", "title": title, "status": answer.status.as_u16(), "detail": detail, "code": code,
                "request_id": "my-request",
            });
            assert_eq!(problem, expected, "{method} {path}");
            let missing = json!([{ "loc": ["body", "title"], "msg": "Field required", "type": "missing" }]);
            assert_eq!(errors, (code == "validation_error").then_some(missing), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_login_that_fails_can_be_told_as_problem_details_too() {
    let app = TestApp::start().await;
    let headers = [("accept", "application/problem+json"), ("content-type", "application/x-www-form-urlencoded")];
    let answer = app.anonymous().send(Method::POST, "/token", &headers, "username=nobody&password=wrong".into()).await;
    let problem: Value = answer.expect(StatusCode::BAD_REQUEST).read();
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("invalid_grant"), &json!("Incorrect email or password"))
    );
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for path in ["/nowhere", "/api/v1", "/api/v2/items", "/api/v1/items/x/y", "/API/v1/items", "/%2e%2e/etc/passwd"] {
        for method in [Method::GET, Method::POST] {
            let answer = exactly(&ann, method, path, &[]).await.expect(StatusCode::NOT_FOUND);
            assert_eq!(answer.read::<Value>(), json!({ "detail": "Not Found" }), "{path}");
        }
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_have_is_told_with_those_it_has() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for (method, path, allowed) in [
        ("PUT", "/api/v1/items", "GET,HEAD,POST"),
        ("POST", "/api/v1/items/0197c5a0-0000-7000-8000-000000000000", "DELETE,GET,HEAD,PATCH,PUT"),
        ("GET", "/token", "POST"),
        ("DELETE", "/", "GET,HEAD"),
        ("BREW", "/health/live", "GET,HEAD"),
    ] {
        let answer = exactly(&ann, method.parse().unwrap(), path, &[]).await.expect(StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.read::<Value>(), json!({ "detail": "Method Not Allowed" }));
        let mut methods: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn a_trailing_slash_makes_no_difference() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.post("/items/", json!({ "title": "kettle" })).await.created::<Value>();
    for path in ["/items", "/items/", "/items/?limit=1", "/users/me/", "/health/live/", "/docs/", "/openapi.json/"] {
        ann.get(path).await.expect(StatusCode::OK);
    }
    assert_eq!(ann.get("/items/?limit=0").await.problems(), ["query.limit: greater_than_equal"]);
    ann.get("/nowhere/").await.is_not_found();
}

#[tokio::test]
async fn a_head_is_a_get_without_its_body() {
    let app = TestApp::start().await;
    let answer = app.user("ann").await.send(Method::HEAD, "/items", &[], Body::empty()).await;
    assert!(answer.expect(StatusCode::OK).body.is_empty());
}

#[tokio::test]
async fn a_harmless_request_id_comes_back() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    for id in ["a", "0af7-651916cd_43dd", &"x".repeat(64)] {
        for path in ["/health/live", "/nowhere", "/api/v1/items"] {
            let answer = exactly(&client, Method::GET, path, &[("x-request-id", id)]).await;
            assert_eq!(answer.header("x-request-id"), id, "{path}");
        }
    }
}

#[tokio::test]
async fn another_request_id_is_replaced() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let mut made = Vec::new();
    for id in ["", " ", "a b", "a\tb", "a\"b", "{}", "é", "a.b", "a/b", &"x".repeat(65)] {
        let answer = exactly(&client, Method::GET, "/health/live", &[("x-request-id", id)]).await;
        made.push(answer.header("x-request-id").to_owned());
    }
    made.push(client.get("/health/live").await.header("x-request-id").to_owned());
    for id in &made {
        assert!((1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
    }
    let count = made.len();
    made.sort();
    made.dedup();
    assert_eq!(made.len(), count, "each is another");
}

#[tokio::test]
async fn every_answer_has_the_headers_that_all_have() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let preflight = [("origin", "https://app.example.com"), ("access-control-request-method", "GET")];
    let answers = [
        ann.get("/").await,
        ann.get("/items").await,
        ann.get("/nowhere").await,
        ann.get("/items/7").await,
        ann.get("/docs").await,
        ann.put("/items", json!({})).await,
        app.anonymous().get("/items").await,
        exactly(&ann, Method::OPTIONS, "/api/v1/items", &preflight).await,
        exactly(&ann, Method::GET, "/", &[("host", "evil.example.com")]).await,
    ];
    for answer in answers {
        assert!(!answer.header("x-request-id").is_empty(), "{}", answer.asked);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", answer.asked);
        let time = answer.header("x-process-time");
        let (whole, places) = time.split_once('.').expect("a decimal");
        assert!([whole, places].iter().all(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())), "{time}");
        assert!((0.0..60.0).contains(&time.parse::<f64>().unwrap()), "{time}");
        assert!(!answer.headers.contains_key("server") && !answer.headers.contains_key("x-powered-by"));
    }
}

#[tokio::test]
async fn what_a_login_protects_is_stored_by_no_cache() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let created = ann.post("/items", json!({ "title": "kettle" })).await;
    let form = [("username", "ann"), ("password", crate::support::app::PASSWORD)];
    let answers = [
        ann.get(created.header("location")).await,
        ann.get("/items").await,
        ann.get("/users/me").await,
        ann.get("/items/7").await,
        ann.get("/users").await,
        app.anonymous().get("/items").await,
        app.anonymous().form("/token", &form).await.expect(StatusCode::OK),
        app.anonymous().form("/login/access-token", &[("username", "ann"), ("password", "wrong")]).await,
        created,
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{} {}", answer.asked, answer.status);
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
