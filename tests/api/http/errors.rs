//! The bodies of errors, which one middleware writes.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use keel::error::Error;
use serde_json::{Value, json};

use super::behind_the_stack;
use crate::support::TestApp;

/// Where the handlers of these tests are.
const PATH: &str = "/api/test";
const PROBLEM_JSON: (&str, &str) = ("accept", "application/problem+json");

#[tokio::test]
async fn invalid_request_gets_every_problem_in_the_shape_of_fastapi() {
    let app = TestApp::start().await;
    let body = json!({
        "email": "ann@example.com", "password": "correct horse battery", "full_name": 5,
        "address": { "street": "", "city": "Springfield", "country": "Utopia" },
    });
    let response = app.anonymous().post("/users/signup", body).await;
    assert_eq!(response.header("content-type"), "application/json");
    let body: Value = response.expect(StatusCode::UNPROCESSABLE_ENTITY).read();
    let name = json!({ "loc": ["body", "full_name"], "msg": "Input should be a valid string", "type": "string_type" });
    let street = json!({
        "loc": ["body", "address", "street"], "msg": "String should have at least 1 character",
        "type": "string_too_short", "ctx": { "min_length": 1 },
    });
    assert_eq!(body, json!({ "detail": [name, street] }));
}

#[tokio::test]
async fn error_is_a_text_in_the_shape_of_fastapi() {
    let app = TestApp::start().await;
    let response = app.anonymous().get("/users/me").await;
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.read::<Value>(), json!({ "detail": "Could not validate credentials" }));
    response.is_unauthorized();
}

#[tokio::test]
async fn problem_details_hold_the_same_facts() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let missing = "/users/0197c5a0-0000-7000-8000-000000000000";
    for accept in ["application/problem+json", "text/html, Application/Problem+JSON;q=0.5, */*"] {
        let headers = [("accept", accept), ("content-type", "application/json"), ("x-request-id", "my-request")];
        for (client, method, path, body, code, title, detail) in [
            (&root, "GET", missing, "", "not_found", "Not Found", "User not found"),
            (&ann, "GET", "/nowhere", "", "not_found", "Not Found", "Not Found"),
            (&ann, "DELETE", "/users", "", "method_not_allowed", "Method Not Allowed", "Method Not Allowed"),
            (
                &ann,
                "POST",
                "/login/refresh",
                "{}",
                "validation_error",
                "Unprocessable Entity",
                "The request is not valid",
            ),
            (
                &app.anonymous(),
                "GET",
                "/users/me",
                "",
                "unauthorized",
                "Unauthorized",
                "Could not validate credentials",
            ),
            (&ann, "GET", "/users", "", "forbidden", "Forbidden", "The user doesn't have enough privileges"),
        ] {
            let response = client.send(method.parse().unwrap(), path, &headers, body.into()).await;
            assert_eq!(response.header("content-type"), "application/problem+json", "{method} {path}");
            let mut problem: Value = response.read();
            let errors = problem.as_object_mut().unwrap().remove("errors");
            let expected = json!({
                "type": "about:blank", "title": title, "status": response.status.as_u16(), "detail": detail, "code": code,
                "request_id": "my-request",
            });
            assert_eq!(problem, expected, "{method} {path}");
            let missing = json!([{ "loc": ["body", "refresh_token"], "msg": "Field required", "type": "missing" }]);
            assert_eq!(errors, (code == "validation_error").then_some(missing), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn failed_login_gets_problem_details_on_request() {
    let app = TestApp::start().await;
    let headers = [PROBLEM_JSON, ("content-type", "application/x-www-form-urlencoded")];
    let response =
        app.anonymous().send(Method::POST, "/token", &headers, "username=unknown&password=wrong".into()).await;
    let problem: Value = response.expect(StatusCode::BAD_REQUEST).read();
    assert_eq!(
        (&problem["code"], &problem["detail"]),
        (&json!("invalid_grant"), &json!("Incorrect email or password"))
    );
}

#[tokio::test]
async fn body_of_a_handlers_own_error_is_passed_through() {
    let router = Router::new()
        .route("/api/text", get(async || (StatusCode::IM_A_TEAPOT, [("x-tea", "green")], "short and stout")))
        .route("/api/json", get(async || (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "reason": "tea" })))));
    let client = behind_the_stack(router, |_| {});
    for headers in [&[][..], &[PROBLEM_JSON]] {
        let text = client.send(Method::GET, "/api/text", headers, Body::empty()).await.expect(StatusCode::IM_A_TEAPOT);
        assert_eq!((&*text.body, text.header("x-tea")), (&b"short and stout"[..], "green"));
        assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
        let json = client.send(Method::GET, "/api/json", headers, Body::empty()).await;
        assert_eq!(json.header("content-type"), "application/json");
        assert_eq!(json.expect(StatusCode::INTERNAL_SERVER_ERROR).read::<Value>(), json!({ "reason": "tea" }));
    }
}

#[tokio::test]
async fn error_status_without_a_body_is_given_one() {
    let client = behind_the_stack(Router::new().route(PATH, get(async || StatusCode::IM_A_TEAPOT)), |_| {});
    assert_eq!(client.get(PATH).await.error(StatusCode::IM_A_TEAPOT), "I'm a teapot");
    let problem: Value = client.send(Method::GET, PATH, &[PROBLEM_JSON], Body::empty()).await.read();
    assert_eq!((&problem["status"], &problem["title"]), (&json!(418), &json!("I'm a teapot")));
}

#[tokio::test]
async fn problem_details_name_the_status_of_the_response() {
    let handler = async || (StatusCode::IM_A_TEAPOT, Error::NotFound("No coffee here"));
    let client = behind_the_stack(Router::new().route(PATH, get(handler)), |_| {});
    let response = client.send(Method::GET, PATH, &[PROBLEM_JSON], Body::empty()).await.expect(StatusCode::IM_A_TEAPOT);
    let problem: Value = response.read();
    assert_eq!((&problem["status"], &problem["title"]), (&json!(418), &json!("I'm a teapot")));
    assert_eq!(problem["detail"], "No coffee here");
}
