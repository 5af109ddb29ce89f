//! Keys with which machines act for a user.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::entities::session;
use keel::schemas::api_key::{ApiKeyCreated, ApiKeyPage};
use keel::schemas::audit_event::AuditEventPage;
use keel::schemas::item::{ItemPage, ItemRead};
use keel::schemas::login::Token;
use keel::schemas::user::{UserPage, UserRead};
use sea_orm::EntityTrait;
use serde_json::json;

use crate::permissions::{Permissions, Placeholder, row};
use crate::support::app::PASSWORD;
use crate::support::{Answer, Client, TestApp};

async fn create(client: &Client, scope: &str) -> ApiKeyCreated {
    client.post("/users/me/api-keys", json!({ "name": "ci", "scope": scope })).await.created()
}

async fn with_header(app: &TestApp, key: &str, path: &str) -> Answer {
    app.anonymous().send(Method::GET, path, &[("x-api-key", key)], "".into()).await
}

#[tokio::test]
async fn a_key_acts_for_its_user() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let key = create(&ann, "items").await.key;
    assert!(key.starts_with("kl_") && key.len() == 46, "{key}");
    let machine = app.bearer(&key);
    let item: ItemRead = machine.post("/items", json!({ "title": "kettle" })).await.created();
    assert_eq!(item.owner_id, ann.id());
    assert_eq!(with_header(&app, &key, "/items").await.ok::<ItemPage>().count, Some(1));
}

#[tokio::test]
async fn a_key_is_shown_once() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let created = create(&ann, "items").await;
    let list = ann.get("/users/me/api-keys").await;
    assert!(!String::from_utf8_lossy(&list.body).contains(&created.key[3..]));
    assert_eq!(list.ok::<ApiKeyPage>().data, [created.api_key]);
}

/// A logout or a reset on another process, of which this one does not know yet.
#[tokio::test]
async fn a_session_that_has_ended_makes_no_key() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.get("/users/me").await.ok::<UserRead>();
    session::Entity::delete_many().exec(&app.state.db).await.unwrap();
    ann.post("/users/me/api-keys", json!({ "name": "ci", "scope": "items" })).await.is_unauthorized();
}

#[tokio::test]
async fn a_key_is_for_its_scopes() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let reader = app.bearer(&create(&ann, "items:read").await.key);
    reader.get("/items").await.ok::<ItemPage>();
    let answer = reader.post("/items", json!({ "title": "kettle" })).await;
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"insufficient_scope\"");
    assert_eq!(answer.error(StatusCode::FORBIDDEN), "Not enough permissions");
    reader.get("/users").await.error(StatusCode::FORBIDDEN);

    // A scope takes away and never adds.
    app.bearer(&create(&ann, "users").await.key).get("/users").await.error(StatusCode::FORBIDDEN);
    app.bearer(&create(&root, "users").await.key).get("/users").await.ok::<UserPage>();
    app.bearer(&create(&root, "items").await.key).get("/users").await.error(StatusCode::FORBIDDEN);
}

/// The own account is behind the scope `me`, which no key has, whichever way it is asked for.
#[tokio::test]
async fn a_key_does_not_tell_whose_it_is() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let path = format!("/users/{}", ann.id());
    let machine = app.bearer(&create(&ann, "users").await.key);
    machine.get("/users/me").await.error(StatusCode::FORBIDDEN);
    assert_eq!(machine.get(&path).await.error(StatusCode::FORBIDDEN), "Not enough permissions");
    ann.get(&path).await.ok::<UserRead>();
    // A superuser's key is for looking after users, of whom he is one.
    let machine = app.bearer(&create(&root, "users").await.key);
    machine.get(&path).await.ok::<UserRead>();
    machine.get(&format!("/users/{}", root.id())).await.ok::<UserRead>();
}

#[tokio::test]
async fn a_key_may_do_no_more_than_the_token_that_made_it() {
    let app = TestApp::start().await;
    app.user("ann").await;
    for (scope, wanted, is_made) in
        [("me", "items:read", false), ("me items:read", "items", false), ("me items", "items:read", true)]
    {
        let form = [("username", "ann"), ("password", PASSWORD), ("scope", scope)];
        let token: Token = app.anonymous().form("/token", &form).await.ok();
        let body = json!({ "name": "ci", "scope": wanted });
        let answer = app.bearer(&token.access_token).post("/users/me/api-keys", body).await;
        let expected = if is_made { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected, "{wanted} with {scope}");
    }
}

#[tokio::test]
async fn a_key_changes_no_password_and_no_role() {
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
async fn the_account_itself_needs_a_login() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for scope in ["me", "items me", "", " ", "everything", "items,users", "ITEMS"] {
        let problems = ann.post("/users/me/api-keys", json!({ "name": "ci", "scope": scope })).await.problems();
        assert_eq!(problems, ["body.scope: string_pattern_mismatch"], "{scope}");
    }
    let machine = app.bearer(&create(&ann, "items users").await.key);
    for path in ["/users/me", "/users/me/sessions", "/users/me/api-keys"] {
        machine.get(path).await.error(StatusCode::FORBIDDEN);
    }
    for path in ["/logout", "/logout/all", "/login/test-token"] {
        machine.send(Method::POST, path, &[], "".into()).await.error(StatusCode::FORBIDDEN);
    }
    machine.delete("/users/me").await.error(StatusCode::FORBIDDEN);
    machine.post("/users/me/api-keys", json!({ "name": "x", "scope": "items" })).await.error(StatusCode::FORBIDDEN);
    let change = json!({ "current_password": "correct horse battery", "new_password": "kettle with a lid" });
    machine.patch("/users/me/password", change).await.error(StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_key_ends() {
    let app = TestApp::start().await;
    let (ann, bob, root) = (app.user("ann").await, app.user("bob").await, app.superuser("root").await);
    let body = json!({ "name": "short", "scope": "items", "expires_in_days": 1 });
    let short: ApiKeyCreated = ann.post("/users/me/api-keys", body).await.created();
    let (revoked, kept) = (create(&ann, "items").await, create(&ann, "items").await);
    let path = format!("/users/me/api-keys/{}", revoked.api_key.id);
    app.bearer(&revoked.key).get("/items").await.ok::<ItemPage>();
    bob.delete(&path).await.is_not_found();
    ann.delete(&path).await.is_no_content();
    app.bearer(&revoked.key).get("/items").await.is_unauthorized();
    ann.delete(&path).await.is_not_found();

    app.travel(TimeDelta::hours(24));
    app.bearer(&short.key).get("/items").await.is_unauthorized();
    app.bearer(&kept.key).get("/items").await.ok::<ItemPage>();
    root.token.as_ref().unwrap();
    let root: Client = app.superuser("other-root").await;
    root.patch(&format!("/users/{}", ann.id()), json!({ "is_active": false })).await.ok::<UserRead>();
    app.bearer(&kept.key).get("/items").await.is_unauthorized();
}

#[tokio::test]
async fn its_use_is_known_without_a_write_per_request() {
    let app = TestApp::with(|settings| settings.auth.session_cache_ms = 0).await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let machine = app.bearer(&create(&ann, "items").await.key);
    let used = async || ann.get("/users/me/api-keys").await.ok::<ApiKeyPage>().data[0].last_used_at;
    assert_eq!(used().await, None);
    let use_it = async || {
        machine.get("/items").await.ok::<ItemPage>();
        app.state.accounts.tasks.close();
        app.state.accounts.tasks.wait().await;
    };
    use_it().await;
    let first = used().await.unwrap();
    app.travel(TimeDelta::seconds(59));
    use_it().await;
    assert_eq!(used().await, Some(first));
    app.travel(TimeDelta::seconds(1));
    use_it().await;
    assert!(used().await.unwrap() > first);
    assert_eq!(root.get("/audit-events?kind=api_key_used").await.ok::<AuditEventPage>().count, Some(2));
}

#[tokio::test]
async fn no_other_text_is_a_key() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let key = create(&ann, "items").await.key;
    for at in 3..key.len() {
        let other = if &key[at..=at] == "A" { "B" } else { "A" };
        app.bearer(&format!("{}{other}{}", &key[..at], &key[at + 1..])).get("/items").await.is_unauthorized();
    }
    for text in ["kl_", "kl_x", &key[3..], &key.to_uppercase(), &format!("{key}A"), &format!("kl_{key}")] {
        app.bearer(text).get("/items").await.is_unauthorized();
        with_header(&app, text, "/items").await.is_unauthorized();
    }
    // No way round for tokens, and never two at once.
    let token = ann.token.clone().unwrap();
    with_header(&app, &token, "/items").await.is_unauthorized();
    let bearer = format!("Bearer {token}");
    let both = [("x-api-key", key.as_str()), ("authorization", &bearer)];
    app.anonymous().send(Method::GET, "/items", &both, "".into()).await.is_unauthorized();
    let twice = [("x-api-key", key.as_str()), ("x-api-key", key.as_str())];
    app.anonymous().send(Method::GET, "/items", &twice, "".into()).await.is_unauthorized();
    with_header(&app, &key, "/items").await.ok::<ItemPage>();
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
