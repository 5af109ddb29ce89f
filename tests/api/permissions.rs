//! Who may do what: one row for every operation of the document.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::document::operations;
use crate::support::{Client, TestApp};

/// Operation, body, and what each caller is answered: nobody, the owner, another user, a superuser.
/// `{user_id}` in a path is the owner, `{item_id}` and the like something of his, `OWNER` in a body his username;
/// `REFRESH`, `RESET` and `VERIFY` are tokens of his.
type Row = (&'static str, &'static str, [u16; 4]);

const SIGNUP: &str = r#"{ "email": "new@OWNER.example.com", "password": "correct horse battery" }"#;
const NEW_PASSWORD: &str = r#"{ "current_password": "correct horse battery", "new_password": "kettle with a lid" }"#;
const EMAIL: &str = r#"{ "email": "OWNER@example.com" }"#;
const LOGIN: &str = "username=OWNER&password=correct+horse+battery";

#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("root-read_root", "", [200, 200, 200, 200]),
    ("health-live", "", [200, 200, 200, 200]),
    ("health-ready", "", [200, 200, 200, 200]),

    ("login-login_access_token", LOGIN, [200, 200, 200, 200]),
    ("login-token", LOGIN, [200, 200, 200, 200]),
    ("login-jwks", "", [200, 200, 200, 200]),
    ("login-refresh", r#"{ "refresh_token": "REFRESH" }"#, [200, 200, 200, 200]),
    ("login-test_token", "", [401, 200, 200, 200]),
    ("login-logout", "", [401, 204, 204, 204]),
    ("login-logout_all", "", [401, 204, 204, 204]),

    ("recovery-recover_password", EMAIL, [200, 200, 200, 200]),
    ("recovery-recover_password_by_path", "", [200, 200, 200, 200]),
    ("recovery-reset_password", r#"{ "token": "RESET", "new_password": "kettle with a lid" }"#, [200, 200, 200, 200]),
    ("recovery-request_email_verification", EMAIL, [200, 200, 200, 200]),
    ("recovery-verify_email", r#"{ "token": "VERIFY" }"#, [200, 200, 200, 200]),

    ("users-signup", SIGNUP, [201, 201, 201, 201]),
    ("users-read_users", "", [401, 403, 403, 200]),
    ("users-create_user", SIGNUP, [401, 403, 403, 201]),
    ("users-read_me", "", [401, 200, 200, 200]),
    ("users-update_me", r#"{ "age": 30 }"#, [401, 200, 200, 200]),
    ("users-delete_me", "", [401, 204, 204, 204]),
    ("users-update_password_me", NEW_PASSWORD, [401, 200, 200, 200]),
    ("users-read_user", "", [401, 200, 404, 200]),
    ("users-update_user", r#"{ "age": 30 }"#, [401, 403, 403, 200]),
    ("users-delete_user", "", [401, 403, 403, 204]),
    ("users-read_user_item", "", [401, 200, 404, 200]),

    ("sessions-read_sessions", "", [401, 200, 200, 200]),
    ("sessions-end_session", "", [401, 204, 404, 404]),
    ("api-keys-read_api_keys", "", [401, 200, 200, 200]),
    ("api-keys-create_api_key", r#"{ "name": "ci", "scope": "items" }"#, [401, 201, 201, 201]),
    ("api-keys-revoke_api_key", "", [401, 204, 404, 404]),
    ("notifications-create_notification", r#"{ "email": "someone@example.com", "message": "hello" }"#, [401, 202, 202, 202]),
    ("audit-events-read_audit_events", "", [401, 403, 403, 200]),

    ("external-read_external_data", "", [401, 200, 200, 200]),
    ("external-read_combined_data", "", [401, 200, 200, 200]),

    ("realtime-create_ticket", "", [401, 200, 200, 200]),
    // What it takes for more than 426 is a connection: see `realtime`.
    ("realtime-open_socket", "", [401, 426, 426, 426]),
    ("realtime-read_events", "", [401, 200, 200, 200]),

    ("items-read_items", "", [401, 200, 200, 200]),
    ("items-create_item", r#"{ "title": "kettle" }"#, [401, 201, 201, 201]),
    ("items-read_item", "", [401, 200, 404, 200]),
    ("items-replace_item", r#"{ "title": "pot" }"#, [401, 200, 404, 200]),
    ("items-update_item", r#"{ "title": "pot" }"#, [401, 200, 404, 200]),
    ("items-delete_item", "", [401, 204, 404, 204]),
];

#[tokio::test]
async fn everybody_may_do_what_the_table_says_and_nothing_else() {
    let other_service = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(json!([]))).mount(&other_service).await;
    let app = TestApp::with(|settings| settings.upstream.base_url = Some(other_service.uri())).await;
    // The last superuser could not delete himself.
    app.superuser("spare").await;
    for (row, (id, body, expected)) in TABLE.iter().enumerate() {
        let mut answered = [0; 4];
        for (caller, status) in answered.iter_mut().enumerate() {
            // Fresh ones for each call: it may delete them.
            let owner = app.user(&format!("owner-{row}-{caller}")).await;
            let client = match caller {
                0 => app.anonymous(),
                1 => owner.clone(),
                2 => app.user(&format!("other-{row}")).await,
                _ => app.superuser(&format!("root-{row}")).await,
            };
            *status = call(&app, &client, &owner, id, body).await.as_u16();
        }
        assert_eq!(answered, *expected, "{id} by nobody, the owner, another user, a superuser");
    }
}

async fn call(app: &TestApp, client: &Client, owner: &Client, id: &str, body: &str) -> StatusCode {
    let operation = operations().find(|operation| operation.value["operationId"] == *id);
    let operation = operation.unwrap_or_else(|| panic!("{id} has a row, but is not in the document"));
    let path = path_of_owner(owner, operation.path).await;
    let media_type = match &operation.value["requestBody"]["content"] {
        Value::Object(content) => content.keys().next().map(String::as_str),
        _ => None,
    };
    let headers: Vec<(&str, &str)> = media_type.into_iter().map(|media_type| ("content-type", media_type)).collect();
    let user = owner.user.as_ref().unwrap();
    let mut body = body.replace("OWNER", &user.username).replace("REFRESH", owner.refresh_token.as_ref().unwrap());
    if body.contains("RESET") {
        app.anonymous().post("/password-recovery", json!({ "email": user.email })).await.expect(StatusCode::OK);
        body = body.replace("RESET", &app.outbox.token(&user.email).await);
    }
    if body.contains("VERIFY") {
        let email = format!("new-{}", user.email);
        owner.patch("/users/me", json!({ "email": email })).await.expect(StatusCode::OK);
        body = body.replace("VERIFY", &app.outbox.token(&email).await);
    }
    client.send(operation.method.clone(), &path, &headers, body.into()).await.status
}

/// The path to what is the owner's.
async fn path_of_owner(owner: &Client, path: &str) -> String {
    let mut path = path.replace("{user_id}", &owner.id().to_string());
    path = path.replace("{email}", &owner.user.as_ref().unwrap().email);
    if path.contains("{item_id}") {
        let item: Value = owner.post("/items", json!({ "title": "kettle", "price": 2 })).await.created();
        path = path.replace("{item_id}", item["id"].as_str().unwrap());
    }
    if path.contains("{session_id}") {
        let sessions: Value = owner.get("/users/me/sessions").await.ok();
        path = path.replace("{session_id}", sessions["data"][0]["id"].as_str().unwrap());
    }
    if path.contains("{api_key_id}") {
        let key: Value = owner.post("/users/me/api-keys", json!({ "name": "ci", "scope": "items" })).await.created();
        path = path.replace("{api_key_id}", key["api_key"]["id"].as_str().unwrap());
    }
    assert!(!path.contains('{'), "{path}: teach path_of_owner what of the owner's stands there");
    path
}

#[test]
fn every_operation_has_one_row() {
    let mut rows = HashSet::new();
    for (id, ..) in TABLE {
        assert!(rows.insert(*id), "{id} has two rows");
    }
    for operation in operations() {
        let id = operation.value["operationId"].as_str().unwrap();
        assert!(rows.remove(id), "{id} ({} {}) has no row: who may do it?", operation.method, operation.path);
    }
    assert!(rows.is_empty(), "rows without an operation: {rows:?}");
}

/// With the calls above this means that the tests see every operation do its work.
#[test]
fn every_operation_succeeds_for_somebody() {
    for (id, _, expected) in TABLE {
        let succeeds = |status: &u16| (200..300).contains(status) || *status == StatusCode::UPGRADE_REQUIRED;
        assert!(expected.iter().any(succeeds), "{id}");
    }
}

#[test]
fn a_login_is_needed_where_the_document_says_so() {
    for operation in operations() {
        let row = TABLE.iter().find(|(id, ..)| operation.value["operationId"] == *id);
        let Some((id, _, [anonymous, ..])) = row else { continue };
        let documented = operation.value.get("security").is_some();
        assert_eq!(*anonymous == StatusCode::UNAUTHORIZED, documented, "{id}");
    }
}
