//! A refused value is in no response: it may be a secret in the wrong field.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{notes, post, raw};
use crate::support::{Client, Response, TestApp};

/// The refused value.
pub const MARKER: &str = "s3cr3t-7f3a";
const PROBLEM: &str = "application/problem+json";

#[track_caller]
pub fn is_silent(response: Response) {
    let text = format!("{:?} {}", response.headers, String::from_utf8_lossy(&response.body));
    assert!(!text.contains(MARKER), "{}: {text}", response.asked);
    response.expect(StatusCode::UNPROCESSABLE_ENTITY);
}

pub async fn is_silent_about(client: &Client, method: &str, path: &str, body: &Value) {
    for accept in ["*/*", PROBLEM] {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        is_silent(client.send(method.parse().unwrap(), path, &headers, body.to_string().into()).await);
    }
}

#[tokio::test]
async fn refused_value_of_a_user_is_not_returned() {
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
async fn refused_number_is_not_returned() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for number in ["41973", "41973.0", "41973.5", "-41973", "4197341973419734197341973", "41973e3", "41973e999"] {
        for body in [format!(r#"{{"age":{number}}}"#), format!(r#"{{"full_name":{number}}}"#)] {
            let response = raw(&ann, Method::PATCH, "/users/me", "application/json", body).await;
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert!(!text.contains("41973") && !text.contains("4.1973"), "{number}: {text}");
            response.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}

/// pydantic accepts `41.0` as 41. Both are fine, as long as a refusal does not repeat the value.
#[tokio::test]
async fn whole_number_with_a_decimal_point_is_accepted_or_not_returned() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for number in ["41.0", "4.1e1", "410e-1"] {
        let body = format!(r#"{{"age":{number}}}"#);
        let response = raw(&ann, Method::PATCH, "/users/me", "application/json", body).await;
        if response.status == StatusCode::OK {
            assert_eq!(response.read::<Value>()["age"], 41);
        } else {
            let text = String::from_utf8_lossy(&response.body).into_owned();
            assert!(!text.contains("41"), "{number}: {text}");
            response.expect(StatusCode::UNPROCESSABLE_ENTITY);
        }
    }
}

#[tokio::test]
async fn malformed_json_is_not_returned() {
    for body in [
        MARKER.to_owned(),
        format!("{{\"title\":{MARKER}}}"),
        format!("{{\"{MARKER}"),
        format!("{{\"title\":\"{MARKER}\",\"title\":\"{MARKER}\"}}"),
        format!("{{\"title\":\"\",\"{MARKER}\":1,\"{MARKER}\":2}}"),
        format!("{{\"title\":\"{MARKER}\\ud800\"}}"),
        format!("{{\"title\":\"{MARKER}\n\"}}"),
    ] {
        is_silent(post(&notes(), body).await);
    }
}

#[tokio::test]
async fn refused_parameter_is_not_returned() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for path in [
        format!("/users/{MARKER}"),
        format!("/users/me/sessions/{MARKER}"),
        format!("/users?skip={MARKER}&limit={MARKER}"),
        format!("/users?limit={MARKER}&limit=1"),
        format!("/audit-events?kind={MARKER}&user_id={MARKER}"),
    ] {
        let method = if path.contains("sessions") { Method::DELETE } else { Method::GET };
        is_silent(root.send(method, &path, &[], "".into()).await);
    }
}

#[tokio::test]
async fn refused_login_is_not_returned() {
    let app = TestApp::start().await;
    let long = MARKER.repeat(30);
    for fields in [
        [("username", "ann"), ("password", long.as_str())],
        [("username", long.as_str()), ("password", "secret")],
        [("password", MARKER), ("password", MARKER)],
        [("password", MARKER), ("scope", MARKER)],
    ] {
        is_silent(app.anonymous().form("/token", &fields).await);
    }
    let response = app.anonymous().form("/token", &[("username", "ann"), ("grant_type", MARKER)]).await;
    assert!(!String::from_utf8_lossy(&response.expect(StatusCode::BAD_REQUEST).body).contains(MARKER));
}
