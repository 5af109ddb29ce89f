//! Scopes of tokens and keys.

use axum::http::StatusCode;
use keel::entities::{api_key, session};
use keel::schemas::login::Token;
use keel::schemas::scope::{SCOPES, Scopes};
use keel::schemas::user::{UserPage, UserRead};
use sea_orm::EntityTrait;
use sea_orm::sea_query::Expr;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::document::{DOCUMENT, operations};
use crate::support::{Client, TestApp};

async fn log_in(app: &TestApp, scope: &str) -> Token {
    let form = [("username", "root"), ("password", PASSWORD), ("scope", scope)];
    app.anonymous().form("/token", &form).await.ok()
}

#[tokio::test]
async fn login_grants_the_scopes_it_asks_for() {
    let app = TestApp::start().await;
    app.superuser("root").await;
    let all = Scopes::all().to_string();
    for asked in ["", " "] {
        assert_eq!(log_in(&app, asked).await.scope, all, "{asked:?}");
    }
    for (name, ..) in SCOPES {
        for asked in [(*name).to_owned(), format!("{name}  {name} ")] {
            assert_eq!(log_in(&app, &asked).await.scope, *name, "{asked:?}");
        }
    }
    let names: Vec<&str> = SCOPES.iter().rev().map(|(name, ..)| *name).collect();
    assert_eq!(log_in(&app, &names.join(" ")).await.scope, all, "in any order, without those that others include");
    for unknown in ["admin", "me:write", "ME", "me,users", "*", "me\u{a0}users"] {
        let form = [("username", "root"), ("password", PASSWORD), ("scope", unknown)];
        let problems = app.anonymous().form("/token", &form).await.problems();
        assert_eq!(problems, ["body.scope: string_pattern_mismatch"], "{unknown}");
    }
}

#[tokio::test]
async fn refresh_keeps_the_scopes() {
    let app = TestApp::start().await;
    app.superuser("root").await;
    let token = log_in(&app, "users").await;
    let body = json!({ "refresh_token": token.refresh_token });
    let next: Token = app.anonymous().post("/login/refresh", body).await.ok();
    assert_eq!(next.scope, "users");
    app.bearer(&next.access_token).get("/users/me").await.error(StatusCode::FORBIDDEN);
}

/// As after a rolling release, or after a resource was removed.
#[tokio::test]
async fn unknown_stored_scopes_are_ignored() {
    let app = TestApp::with(|settings| settings.auth.session_cache_ms = 0).await;
    let root = app.superuser("root").await;
    let stored = Expr::value("kettles users me");
    session::Entity::update_many().col_expr(session::Column::Scopes, stored).exec(&app.state.db).await.unwrap();

    let body = json!({ "refresh_token": root.refresh_token });
    let next: Token = app.anonymous().post("/login/refresh", body).await.ok();
    assert_eq!(next.scope, "kettles users me", "another version may know it");
    let root = app.bearer(&next.access_token);
    root.get("/users/me").await.ok::<UserRead>();
    root.get("/users").await.ok::<UserPage>();
    assert_eq!(root.get("/users/me/sessions").await.ok::<Value>()["data"][0]["scope"], "kettles users me");
}

// only with api_keys
#[tokio::test]
async fn unknown_stored_scopes_of_an_api_key_are_ignored() {
    let app = TestApp::with(|settings| settings.auth.session_cache_ms = 0).await;
    let root = app.superuser("root").await;
    let key: Value = root.post("/users/me/api-keys", json!({ "name": "ci", "scope": "users" })).await.created();
    let machine = app.bearer(key["key"].as_str().unwrap());
    let store = async |scopes: &str| {
        let update = api_key::Entity::update_many().col_expr(api_key::Column::Scopes, Expr::value(scopes));
        update.exec(&app.state.db).await.unwrap();
    };
    store("users kettles").await;
    machine.get("/users").await.ok::<UserPage>();
    assert_eq!(root.get("/users/me/api-keys").await.ok::<Value>()["data"][0]["scope"], "users kettles");
    store("kettles").await;
    machine.get("/users").await.error(StatusCode::FORBIDDEN);
}

/// The scopes of an operation, as the document says.
fn documented(operation: &Value) -> Option<Vec<String>> {
    let scopes = operation["security"].as_array()?.iter().find_map(|way| way.get("oauth2"))?.as_array()?;
    Some(scopes.iter().map(|scope| scope.as_str().unwrap().to_owned()).collect())
}

// only with api_keys
/// Whether a key may be used for an operation, as the document says.
fn allows_keys(operation: &Value) -> bool {
    operation["security"].as_array().is_some_and(|ways| ways.iter().any(|way| way.get("x_api_key").is_some()))
}

/// The status for a request with nil ids and an empty body, which is enough to see whether the caller is allowed.
async fn status(client: &Client, method: &axum::http::Method, path: &str) -> StatusCode {
    let parts =
        path.split('/').map(|part| if part.starts_with('{') { uuid::Uuid::nil().to_string() } else { part.to_owned() });
    let path = parts.collect::<Vec<_>>().join("/");
    client.send(method.clone(), &path, &[], "".into()).await.status
}

#[tokio::test]
async fn every_operation_requires_its_documented_scopes() {
    let app = TestApp::start().await;
    app.superuser("root").await;
    for operation in operations() {
        let (id, path) = (&operation.value["operationId"], operation.path);
        let Some(needed) = documented(operation.value) else { continue };
        for &(scope, bits, _) in SCOPES {
            // The operation may end the session.
            let token = app.bearer(&log_in(&app, scope).await.access_token);
            // This one would delete the user of the test.
            if path.ends_with("/users/me") && operation.method == "DELETE" && scope == "me" {
                continue;
            }
            let allowed = needed
                .iter()
                .all(|name| SCOPES.iter().any(|(known, wanted, _)| known == name && bits & wanted == *wanted));
            let actual = status(&token, &operation.method, path).await;
            assert_eq!(actual != StatusCode::FORBIDDEN, allowed, "{id} with {scope}: {actual}");
            // only with api_keys
            if scope != "me" {
                let body = json!({ "name": "ci", "scope": scope });
                let root = app.bearer(&log_in(&app, "").await.access_token);
                let key: Value = root.post("/users/me/api-keys", body).await.created();
                let machine = app.bearer(key["key"].as_str().unwrap());
                let actual = status(&machine, &operation.method, path).await;
                assert_eq!(
                    actual != StatusCode::FORBIDDEN,
                    allowed && allows_keys(operation.value),
                    "{id} with a key for {scope}: {actual}"
                );
            }
        }
    }
}

#[test]
fn document_names_every_scope() {
    let flow = &DOCUMENT["components"]["securitySchemes"]["oauth2"]["flows"]["password"];
    let names: Vec<&String> = flow["scopes"].as_object().unwrap().keys().collect();
    for (name, ..) in SCOPES {
        assert!(names.iter().any(|known| *known == name), "{name}");
    }
    assert_eq!(names.len(), SCOPES.len());
    for operation in operations() {
        for scope in documented(operation.value).into_iter().flatten() {
            assert!(names.contains(&&scope), "{}: {scope}", operation.value["operationId"]);
        }
    }
}
