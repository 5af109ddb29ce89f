//! API keys.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::core::security::API_KEY_PREFIX;
use keel::entities::{api_key, session};
use keel::schemas::api_key::{ApiKeyCreated, ApiKeyPage};
use keel::schemas::audit_event::AuditEventPage;
use keel::schemas::login::Token;
use keel::schemas::scope::{SCOPES, USERS};
use keel::schemas::user::{UserPage, UserRead};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::permissions::{Permissions, Placeholder, row};
use crate::support::app::PASSWORD;
use crate::support::{Client, Response, TestApp};

async fn create(client: &Client, scope: &str) -> ApiKeyCreated {
    client.post("/users/me/api-keys", json!({ "name": "ci", "scope": scope })).await.created()
}

async fn with_header(app: &TestApp, key: &str, path: &str) -> Response {
    app.anonymous().send(Method::GET, path, &[("x-api-key", key)], "".into()).await
}

#[tokio::test]
async fn keys_are_deleted_with_their_user() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    for owner in [&ann, &ann, &bob] {
        let body = json!({ "name": "ci", "scope": "users" });
        owner.post("/users/me/api-keys", body).await.created::<ApiKeyCreated>();
    }
    ann.delete("/users/me").await.is_no_content();
    let keys = api_key::Entity::find().all(&app.state.db).await.unwrap();
    assert_eq!(keys.iter().map(|key| key.user_id).collect::<Vec<_>>(), [bob.id()]);
}

#[tokio::test]
async fn key_acts_as_its_user() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let key = create(&root, "users").await.key;
    assert_eq!(key.len(), API_KEY_PREFIX.len() + 43, "256 bits: {key}");
    app.bearer(&key).get("/users").await.ok::<UserPage>();
    with_header(&app, &key, "/users").await.ok::<UserPage>();
}

#[tokio::test]
async fn key_neither_creates_superusers_nor_deletes_its_owner() {
    let app = TestApp::start().await;
    let (root, ann) = (app.superuser("root").await, app.user("ann").await);
    app.superuser("spare").await;
    let machine = app.bearer(&create(&root, "users").await.key);
    let user = |is_superuser: bool| json!({ "email": "bob@example.com", "password": "kettle with a lid", "is_superuser": is_superuser });
    machine.post("/users", user(true)).await.error(StatusCode::FORBIDDEN);
    machine.post("/users", user(false)).await.created::<UserRead>();
    machine.delete(&format!("/users/{}", root.id())).await.error(StatusCode::FORBIDDEN);
    machine.delete(&format!("/users/{}", ann.id())).await.is_no_content();
}

#[tokio::test]
async fn key_begins_with_the_prefix_of_the_service() {
    let app = TestApp::start().await;
    let key = create(&app.user("ann").await, "users").await.key;
    assert!(key.starts_with("keel_"), "{key}");
}

#[tokio::test]
async fn api_key_is_in_the_response_of_its_creation_only() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let created = create(&ann, "users").await;
    let list = ann.get("/users/me/api-keys").await;
    assert!(!String::from_utf8_lossy(&list.body).contains(&created.key[API_KEY_PREFIX.len()..]));
    assert_eq!(list.ok::<ApiKeyPage>().data, [created.api_key]);
}

/// As after a logout on another process, before the cache of this one expires.
#[tokio::test]
async fn ended_session_creates_no_key() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.get("/users/me").await.ok::<UserRead>();
    session::Entity::delete_many().exec(&app.state.db).await.unwrap();
    ann.post("/users/me/api-keys", json!({ "name": "ci", "scope": "users" })).await.is_unauthorized();
}

#[tokio::test]
async fn key_is_limited_to_its_scopes() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    for (name, scope, _) in SCOPES.iter().filter(|(name, ..)| *name != "me") {
        let machine = app.bearer(&create(&root, name).await.key);
        let response = machine.get("/users").await;
        if scope & USERS == USERS {
            response.ok::<UserPage>();
        } else {
            assert_eq!(response.header("www-authenticate"), "Bearer error=\"insufficient_scope\"");
            assert_eq!(response.error(StatusCode::FORBIDDEN), "Not enough permissions");
        }
    }
    // A scope never adds rights.
    app.bearer(&create(&ann, "users").await.key).get("/users").await.error(StatusCode::FORBIDDEN);
}

/// The own account needs the scope `me`, which no key has, at every path.
#[tokio::test]
async fn key_does_not_read_the_own_account() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let path = format!("/users/{}", ann.id());
    let machine = app.bearer(&create(&ann, "users").await.key);
    machine.get("/users/me").await.error(StatusCode::FORBIDDEN);
    assert_eq!(machine.get(&path).await.error(StatusCode::FORBIDDEN), "Not enough permissions");
    ann.get(&path).await.ok::<UserRead>();
    // A superuser's key reads all users, the superuser included.
    let machine = app.bearer(&create(&root, "users").await.key);
    machine.get(&path).await.ok::<UserRead>();
    machine.get(&format!("/users/{}", root.id())).await.ok::<UserRead>();
}

#[tokio::test]
async fn key_cannot_exceed_the_scopes_of_its_creator() {
    let app = TestApp::start().await;
    app.user("ann").await;
    for (scope, _, _) in SCOPES.iter().filter(|(name, ..)| *name != "me") {
        for (held, is_created) in [("me", false), (&*format!("me {scope}"), true)] {
            let form = [("username", "ann"), ("password", PASSWORD), ("scope", held)];
            let token: Token = app.anonymous().form("/token", &form).await.ok();
            let body = json!({ "name": "ci", "scope": scope });
            let response = app.bearer(&token.access_token).post("/users/me/api-keys", body).await;
            let expected = if is_created { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
            assert_eq!(response.status, expected, "{scope} with {held}");
        }
    }
}

#[tokio::test]
async fn key_cannot_change_passwords_or_roles() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let machine = app.bearer(&create(&root, "users").await.key);
    machine.get("/users").await.ok::<UserPage>();
    for user in [&ann, &root] {
        let path = format!("/users/{}", user.id());
        for body in [json!({ "password": "kettle with a lid" }), json!({ "is_superuser": true })] {
            machine.patch(&path, body).await.error(StatusCode::FORBIDDEN);
        }
    }
}

#[tokio::test]
async fn key_cannot_access_the_account_itself() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for scope in ["me", "users me", "", " ", "everything", "users,users", "USERS"] {
        let problems = ann.post("/users/me/api-keys", json!({ "name": "ci", "scope": scope })).await.problems();
        assert_eq!(problems, ["body.scope: string_pattern_mismatch"], "{scope}");
    }
    let machine = app.bearer(&create(&ann, "users").await.key);
    for path in ["/users/me", "/users/me/sessions", "/users/me/api-keys"] {
        machine.get(path).await.error(StatusCode::FORBIDDEN);
    }
    for path in ["/logout", "/logout/all", "/login/test-token"] {
        machine.send(Method::POST, path, &[], "".into()).await.error(StatusCode::FORBIDDEN);
    }
    machine.delete("/users/me").await.error(StatusCode::FORBIDDEN);
    machine.post("/users/me/api-keys", json!({ "name": "x", "scope": "users" })).await.error(StatusCode::FORBIDDEN);
    let change = json!({ "current_password": "correct horse battery", "new_password": "kettle with a lid" });
    machine.patch("/users/me/password", change).await.error(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn key_is_refused_after_revocation_expiry_and_deactivation() {
    let app = TestApp::start().await;
    let (eve, bob) = (app.superuser("eve").await, app.user("bob").await);
    let body = json!({ "name": "short", "scope": "users", "expires_in_days": 1 });
    let short: ApiKeyCreated = eve.post("/users/me/api-keys", body).await.created();
    let (revoked, kept) = (create(&eve, "users").await, create(&eve, "users").await);
    let path = format!("/users/me/api-keys/{}", revoked.api_key.id);
    app.bearer(&revoked.key).get("/users").await.ok::<UserPage>();
    bob.delete(&path).await.is_not_found();
    eve.delete(&path).await.is_no_content();
    app.bearer(&revoked.key).get("/users").await.is_unauthorized();
    eve.delete(&path).await.is_not_found();

    app.travel(TimeDelta::hours(24));
    app.bearer(&short.key).get("/users").await.is_unauthorized();
    app.bearer(&kept.key).get("/users").await.ok::<UserPage>();
    let root = app.superuser("root").await;
    root.patch(&format!("/users/{}", eve.id()), json!({ "is_active": false })).await.ok::<UserRead>();
    app.bearer(&kept.key).get("/users").await.is_unauthorized();
}

#[tokio::test]
async fn creating_a_key_needs_a_recent_login_or_the_password() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 3;
    })
    .await;
    let ann = app.user("ann").await;
    create(&ann, "users").await;
    app.travel(TimeDelta::seconds(app.state.settings.auth.recent_login_seconds.into()));
    let with_password = async |password: Option<&str>| {
        let mut body = json!({ "name": "ci", "scope": "users" });
        if let Some(password) = password {
            body["current_password"] = json!(password);
        }
        let headers = [("content-type", "application/json"), ("accept", "application/problem+json")];
        ann.send(Method::POST, "/users/me/api-keys", &headers, body.to_string().into()).await
    };
    let refused: Value = with_password(None).await.expect(StatusCode::FORBIDDEN).read();
    assert_eq!(refused["code"], "recent_login_required");
    for _ in 0..5 {
        with_password(Some(PASSWORD)).await.created::<ApiKeyCreated>();
    }
    for _ in 0..3 {
        with_password(Some("kettle with a lid")).await.expect(StatusCode::BAD_REQUEST);
    }
    with_password(Some(PASSWORD)).await.expect(StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ann.get("/users/me/api-keys").await.ok::<Value>()["count"], 6);
}

#[tokio::test]
async fn key_expires_after_the_maximum_at_the_latest() {
    let app = TestApp::with(|settings| settings.auth.api_key_max_days = 30).await;
    let ann = app.user("ann").await;
    let with_days = async |days: Value| {
        let body = json!({ "name": "ci", "scope": "users", "expires_in_days": days });
        ann.post("/users/me/api-keys", body).await
    };
    for (days, expected) in [(json!(null), 30), (json!(1), 1), (json!(30), 30)] {
        let key = with_days(days).await.created::<ApiKeyCreated>().api_key;
        assert_eq!(key.expires_at - key.created_at, TimeDelta::days(expected));
    }
    let absent = create(&ann, "users").await.api_key;
    assert_eq!(absent.expires_at - absent.created_at, TimeDelta::days(30));
    let refused: Value = with_days(json!(31)).await.expect(StatusCode::UNPROCESSABLE_ENTITY).read();
    assert_eq!(refused["detail"][0]["loc"], json!(["body", "expires_in_days"]));
    assert_eq!(refused["detail"][0]["type"], "less_than_equal");
    assert_eq!(refused["detail"][0]["ctx"], json!({ "le": 30 }));
    assert_eq!(with_days(json!(366)).await.problems(), ["body.expires_in_days: less_than_equal"]);
    assert_eq!(with_days(json!(0)).await.problems(), ["body.expires_in_days: greater_than_equal"]);
}

#[tokio::test]
async fn use_is_recorded_once_a_minute() {
    let app = TestApp::with(|settings| settings.auth.session_cache_ms = 0).await;
    let root = app.superuser("root").await;
    let machine = app.bearer(&create(&root, "users").await.key);
    let last_used = async || root.get("/users/me/api-keys").await.ok::<ApiKeyPage>().data[0].last_used_at;
    assert_eq!(last_used().await, None);
    let use_key = async || {
        machine.get("/users").await.ok::<UserPage>();
        app.settle().await;
    };
    use_key().await;
    let first = last_used().await.unwrap();
    app.travel(TimeDelta::seconds(59));
    use_key().await;
    assert_eq!(last_used().await, Some(first));
    app.travel(TimeDelta::seconds(1));
    use_key().await;
    assert!(last_used().await.unwrap() > first);
    assert_eq!(root.get("/audit-events?kind=api_key_used").await.ok::<AuditEventPage>().count, Some(2));
}

#[tokio::test]
async fn malformed_keys_are_refused() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let key = create(&root, "users").await.key;
    for at in API_KEY_PREFIX.len()..key.len() {
        let other = if &key[at..=at] == "A" { "B" } else { "A" };
        app.bearer(&format!("{}{other}{}", &key[..at], &key[at + 1..])).get("/users").await.is_unauthorized();
    }
    let secret = &key[API_KEY_PREFIX.len()..];
    let invented = format!("{API_KEY_PREFIX}x");
    for text in
        [API_KEY_PREFIX, &invented, secret, &key.to_uppercase(), &format!("{key}A"), &format!("{API_KEY_PREFIX}{key}")]
    {
        app.bearer(text).get("/users").await.is_unauthorized();
        with_header(&app, text, "/users").await.is_unauthorized();
    }
}

#[tokio::test]
async fn only_one_credential_is_accepted_per_request() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let key = create(&root, "users").await.key;
    let token = root.token.clone().unwrap();
    with_header(&app, &token, "/users").await.is_unauthorized();
    let bearer = format!("Bearer {token}");
    let both = [("x-api-key", key.as_str()), ("authorization", &bearer)];
    app.anonymous().send(Method::GET, "/users", &both, "".into()).await.is_unauthorized();
    let twice = [("x-api-key", key.as_str()), ("x-api-key", key.as_str())];
    app.anonymous().send(Method::GET, "/users", &twice, "".into()).await.is_unauthorized();
    with_header(&app, &key, "/users").await.ok::<UserPage>();
}

const NEW_KEY: &str = r#"{ "name": "ci", "scope": "users" }"#;

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("api-keys-read_api_keys", "", [401, 200, 200, 200]),
        row("api-keys-create_api_key", NEW_KEY, [401, 201, 201, 201]),
        row("api-keys-revoke_api_key", "", [401, 204, 404, 404]),
    ],
    placeholders: &[
        Placeholder::created("{api_key_id}", "/users/me/api-keys", NEW_KEY, "/api_key/id"),
    ],
};
