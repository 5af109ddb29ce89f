//! A value that is refused is in no answer: it may be a secret that was put into the wrong field.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{post, raw};
use crate::support::{Answer, Client, TestApp};

/// What is looked for in the answers.
const MARKER: &str = "s3cr3t-7f3a";
const PROBLEM: &str = "application/problem+json";

#[track_caller]
fn is_silent(answer: Answer) {
    let text = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    assert!(!text.contains(MARKER), "{}: {text}", answer.asked);
    answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
}

async fn is_silent_about(client: &Client, method: &str, path: &str, body: &Value) {
    for accept in ["*/*", PROBLEM] {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        is_silent(client.send(method.parse().unwrap(), path, &headers, body.to_string().into()).await);
    }
}

#[tokio::test]
async fn refused_item_value_is_not_echoed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = MARKER.repeat(30);
    for body in [
        json!({ "title": [MARKER] }),
        json!({ "title": { MARKER: MARKER } }),
        json!({ "title": long }),
        json!({ "title": format!("{MARKER}\0") }),
        json!({ "title": "x", "description": [MARKER, { "x": MARKER }] }),
        json!({ "title": "x", "price": MARKER }),
        json!({ "title": "x", "price": [MARKER] }),
        json!({ "title": "x", "tax": { "x": MARKER } }),
        json!({ "title": "x", "tags": MARKER }),
        json!({ "title": "x", "tags": [long] }),
        json!({ "title": "x", "tags": [[MARKER], format!("{MARKER}\n")] }),
        json!({ "title": "", MARKER: MARKER }),
        json!([MARKER]),
        json!(MARKER),
    ] {
        is_silent_about(&ann, "POST", "/items", &body).await;
        is_silent_about(&ann, "PUT", "/items/0197c5a0-0000-7000-8000-000000000000", &body).await;
        let path = format!("/items/{MARKER}");
        is_silent_about(&ann, "PATCH", &path, &body).await;
    }
}

#[tokio::test]
async fn refused_user_value_is_not_echoed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = MARKER.repeat(30);
    for body in [
        json!({ "email": MARKER }),
        json!({ "email": format!("{MARKER}é@example.com") }),
        json!({ "email": format!("{long}@example.com") }),
        json!({ "email": [MARKER], "username": format!("{MARKER} with spaces") }),
        json!({ "full_name": { "x": MARKER } }),
        json!({ "full_name": long }),
        json!({ "age": MARKER }),
        json!({ "age": [MARKER] }),
        json!({ "address": MARKER }),
        json!({ "address": { "street": [MARKER], "city": long, "country": format!("{MARKER}\u{7}") } }),
    ] {
        is_silent_about(&ann, "PATCH", "/users/me", &body).await;
        is_silent_about(&ann, "POST", "/users/signup", &body).await;
    }
    for password in [json!([MARKER]), json!(long), json!(format!("{MARKER}\0")), json!({ "x": MARKER })] {
        is_silent_about(&ann, "POST", "/users/signup", &json!({ "password": password })).await;
        let body = json!({ "current_password": password, "new_password": password });
        is_silent_about(&ann, "PATCH", "/users/me/password", &body).await;
    }
}

#[tokio::test]
async fn refused_number_is_not_echoed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for number in ["41973", "41973.0", "41973.5", "-41973", "4197341973419734197341973", "41973e3", "41973e999"] {
        for body in [format!(r#"{{"age":{number}}}"#), format!(r#"{{"full_name":{number}}}"#)] {
            let answer = raw(&ann, Method::PATCH, "/users/me", "application/json", body).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!text.contains("41973") && !text.contains("4.1973"), "{number}: {text}");
            answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}

/// pydantic takes `41.0` for 41; either answer is good, as long as the refusal does not repeat it.
#[tokio::test]
async fn integral_float_is_accepted_or_not_echoed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for number in ["41.0", "4.1e1", "410e-1"] {
        let body = format!(r#"{{"age":{number}}}"#);
        let answer = raw(&ann, Method::PATCH, "/users/me", "application/json", body).await;
        if answer.status == StatusCode::OK {
            assert_eq!(answer.read::<Value>()["age"], 41);
        } else {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!text.contains("41"), "{number}: {text}");
            answer.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}

#[tokio::test]
async fn malformed_json_is_not_echoed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for body in [
        MARKER.to_owned(),
        format!("{{\"title\":{MARKER}}}"),
        format!("{{\"{MARKER}"),
        format!("{{\"title\":\"{MARKER}\",\"title\":\"{MARKER}\"}}"),
        format!("{{\"title\":\"\",\"{MARKER}\":1,\"{MARKER}\":2}}"),
        format!("{{\"title\":\"{MARKER}\\ud800\"}}"),
        format!("{{\"title\":\"{MARKER}\n\"}}"),
    ] {
        is_silent(post(&ann, body).await);
    }
}

#[tokio::test]
async fn refused_parameter_is_not_echoed() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = MARKER.repeat(10);
    for path in [
        format!("/items/{MARKER}"),
        format!("/users/{MARKER}"),
        format!("/users/{MARKER}/items/{MARKER}"),
        format!("/items?skip={MARKER}&limit={MARKER}"),
        format!("/items?limit={MARKER}&limit=1"),
        format!("/items?q={MARKER}!"),
        format!("/items?q={MARKER}&q={MARKER}"),
        format!("/items?tags={long}&tags=%00{MARKER}"),
        format!("/items?sort={MARKER}"),
        format!("/items?sort=title&sort={MARKER}"),
        format!("/items?min_price={MARKER}&max_price=-{MARKER}"),
    ] {
        is_silent(ann.get(&path).await);
    }
}

#[tokio::test]
async fn refused_login_is_not_echoed() {
    let app = TestApp::start().await;
    let long = MARKER.repeat(30);
    for fields in [
        [("username", "ann"), ("password", long.as_str())],
        [("username", long.as_str()), ("password", "secret")],
        [("password", MARKER), ("password", MARKER)],
        [("username", MARKER), ("grant_type", MARKER)],
        [("password", MARKER), ("scope", MARKER)],
    ] {
        is_silent(app.anonymous().form("/token", &fields).await);
    }
}
