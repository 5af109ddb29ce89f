//! What a token may be used for.

use axum::http::StatusCode;
use keel::schemas::login::Token;
use keel::schemas::scope::SCOPES;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::document::{DOCUMENT, operations};
use crate::support::{Client, TestApp};

async fn log_in(app: &TestApp, scope: &str) -> Token {
    let form = [("username", "root"), ("password", PASSWORD), ("scope", scope)];
    app.anonymous().form("/token", &form).await.ok()
}

#[tokio::test]
async fn a_login_asks_for_what_it_needs() {
    let app = TestApp::start().await;
    app.superuser("root").await;
    for (asked, given) in [
        ("", "me items users"),
        (" ", "me items users"),
        ("items:read", "items:read"),
        ("items", "items"),
        ("items items:read", "items"),
        ("users me", "me users"),
        ("me  me", "me"),
    ] {
        assert_eq!(log_in(&app, asked).await.scope, given, "{asked}");
    }
    for unknown in ["admin", "items:write", "ME", "me,items", "*", "me\u{a0}items"] {
        let form = [("username", "root"), ("password", PASSWORD), ("scope", unknown)];
        let problems = app.anonymous().form("/token", &form).await.problems();
        assert_eq!(problems, ["body.scope: string_pattern_mismatch"], "{unknown}");
    }
}

#[tokio::test]
async fn a_refresh_keeps_the_scopes() {
    let app = TestApp::start().await;
    app.superuser("root").await;
    let token = log_in(&app, "items:read").await;
    let body = json!({ "refresh_token": token.refresh_token });
    let next: Token = app.anonymous().post("/login/refresh", body).await.ok();
    assert_eq!(next.scope, "items:read");
    app.bearer(&next.access_token).post("/items", json!({ "title": "x" })).await.error(StatusCode::FORBIDDEN);
}

/// The scopes of an operation, and whether a key may be used for it, as the document says.
fn documented(operation: &Value) -> Option<(Vec<String>, bool)> {
    let security = operation["security"].as_array()?;
    let scopes = security.iter().find_map(|way| way.get("oauth2"))?.as_array()?;
    let keys = security.iter().any(|way| way.get("x_api_key").is_some());
    Some((scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect(), keys))
}

/// The path with an id of nothing in each place, and a body that says nothing: only who may call is of interest.
async fn status(client: &Client, method: &axum::http::Method, path: &str) -> StatusCode {
    let parts =
        path.split('/').map(|part| if part.starts_with('{') { uuid::Uuid::nil().to_string() } else { part.to_owned() });
    let path = parts.collect::<Vec<_>>().join("/");
    client.send(method.clone(), &path, &[], "".into()).await.status
}

#[tokio::test]
async fn every_operation_demands_the_scopes_that_the_document_says() {
    let app = TestApp::start().await;
    app.superuser("root").await;
    for operation in operations() {
        let (id, path) = (&operation.value["operationId"], operation.path);
        let Some((needed, keys)) = documented(operation.value) else { continue };
        for &(scope, bits, _) in SCOPES {
            // It may end the session.
            let token = app.bearer(&log_in(&app, scope).await.access_token);
            // Not an operation that would delete the superuser whose scopes are tried.
            if path.ends_with("/users/me") && operation.method == "DELETE" && scope == "me" {
                continue;
            }
            let allowed = needed
                .iter()
                .all(|name| SCOPES.iter().any(|(known, wanted, _)| known == name && bits & wanted == *wanted));
            let answered = status(&token, &operation.method, path).await;
            assert_eq!(answered != StatusCode::FORBIDDEN, allowed, "{id} with {scope}: {answered}");
            if scope != "me" {
                let body = json!({ "name": "ci", "scope": scope });
                let root = app.bearer(&log_in(&app, "").await.access_token);
                let key: Value = root.post("/users/me/api-keys", body).await.created();
                let machine = app.bearer(key["key"].as_str().unwrap());
                let answered = status(&machine, &operation.method, path).await;
                assert_eq!(
                    answered != StatusCode::FORBIDDEN,
                    allowed && keys,
                    "{id} with a key for {scope}: {answered}"
                );
            }
        }
    }
}

#[test]
fn the_document_names_every_scope() {
    let flow = &DOCUMENT["components"]["securitySchemes"]["oauth2"]["flows"]["password"];
    let names: Vec<&String> = flow["scopes"].as_object().unwrap().keys().collect();
    for (name, ..) in SCOPES {
        assert!(names.iter().any(|known| *known == name), "{name}");
    }
    assert_eq!(names.len(), SCOPES.len());
    for operation in operations() {
        for scope in documented(operation.value).into_iter().flat_map(|(scopes, _)| scopes) {
            assert!(names.contains(&&scope), "{}: {scope}", operation.value["operationId"]);
        }
    }
}
