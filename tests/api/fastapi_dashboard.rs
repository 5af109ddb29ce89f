//! The routes that only the dashboard of the FastAPI full-stack template needs.

use axum::http::{Method, StatusCode};
use keel::core::config::Environment;
use keel::routes::Dashboard;
use keel::schemas::user::UserRead;
use serde_json::{Value, json};

use crate::permissions::{Permissions, row};
use crate::support::app::PASSWORD;
use crate::support::{Client, Response, TestApp};

async fn post(client: &Client, path: &str) -> Response {
    client.send(Method::POST, path, &[], "".into()).await
}

fn paths(dashboard: Dashboard) -> Vec<String> {
    let document = serde_json::to_value(keel::app::document(dashboard)).unwrap();
    document["paths"].as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn dashboard_health_check_returns_true() {
    let app = TestApp::start().await;
    assert!(app.anonymous().get("/utils/health-check/").await.ok::<bool>());
}

#[tokio::test]
async fn test_email_arrives() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let response = post(&root, "/utils/test-email/?email_to=ann@example.com").await;
    assert_eq!(response.created::<Value>()["message"], "Test email sent");
    assert!(app.outbox.next("ann@example.com").await.contains("Test email from keel"));
    assert_eq!(post(&root, "/utils/test-email/").await.problems(), ["query.email_to: missing"]);
    assert_eq!(post(&root, "/utils/test-email/?email_to=x").await.problems(), ["query.email_to: value_error"]);
}

#[tokio::test]
async fn recovery_html_has_a_link_that_sets_a_password_and_is_audited() {
    let app = TestApp::start().await;
    let (root, ann) = (app.superuser("root").await, app.user("ann").await);
    let response = post(&root, "/password-recovery-html-content/ann@example.com").await.expect(StatusCode::OK);
    assert_eq!(response.header("subject"), "Password recovery");
    assert_eq!(response.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(response.header("cache-control"), "no-store");
    let html = String::from_utf8(response.body.to_vec()).unwrap();
    let (_, link) = html.split_once("/reset-password?token=").unwrap();
    let token = link.split('"').next().unwrap();
    let data = json!({ "token": token, "new_password": "kettle with a lid" });
    app.anonymous().post("/reset-password", data).await.expect(StatusCode::OK);
    app.log_in("ann", "kettle with a lid").await.expect(StatusCode::OK);
    let events: Value = root.get("/audit-events?kind=password_reset_requested").await.ok();
    assert_eq!((&events["data"][0]["user_id"], &events["data"][0]["actor_id"]), (&json!(ann.id()), &json!(root.id())));
    assert!(app.outbox.unread().await.iter().all(|mail| !mail.contains("Subject: Password recovery")));
    let missing = post(&root, "/password-recovery-html-content/unknown@example.com").await;
    assert_eq!(missing.error(StatusCode::NOT_FOUND), "The user with this username does not exist in the system.");
}

#[tokio::test]
async fn recovery_html_of_a_superuser_needs_a_recent_login() {
    let app = TestApp::with(|settings| settings.auth.recent_login_seconds = 0).await;
    let (root, _other, _ann) = (app.superuser("root").await, app.superuser("other").await, app.user("ann").await);
    for superuser in ["root", "other"] {
        let path = format!("/password-recovery-html-content/{superuser}@example.com");
        post(&root, &path).await.error(StatusCode::FORBIDDEN);
    }
    post(&root, "/password-recovery-html-content/ann@example.com").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn private_user_is_created_without_a_login() {
    let app = TestApp::start().await;
    let data = json!({ "email": "ann@example.com", "password": PASSWORD, "full_name": "Ann", "is_superuser": true });
    let user: UserRead = app.anonymous().post("/private/users/", data.clone()).await.ok();
    assert_eq!((user.email.as_str(), user.full_name.as_deref()), ("ann@example.com", Some("Ann")));
    assert!(!user.is_superuser);
    app.log_in("ann@example.com", PASSWORD).await.expect(StatusCode::OK);
    app.anonymous().post("/private/users/", data).await.error(StatusCode::CONFLICT);
}

#[tokio::test]
async fn document_is_also_served_below_the_api() {
    let app = TestApp::start().await;
    let document: Value = app.anonymous().get("/api/v1/openapi.json").await.ok();
    assert_eq!(document, app.anonymous().get("/openapi.json").await.ok::<Value>());
    assert!(document["paths"].get("/api/v1/private/users").is_some());
}

#[tokio::test]
async fn routes_are_missing_while_the_switch_is_off() {
    let app = TestApp::with(|settings| settings.server.fastapi_dashboard = false).await;
    let root = app.superuser("root").await;
    root.get("/utils/health-check/").await.is_not_found();
    root.get("/api/v1/openapi.json").await.is_not_found();
    post(&root, "/utils/test-email/?email_to=ann@example.com").await.is_not_found();
    post(&root, "/password-recovery-html-content/root@example.com").await.is_not_found();
    let data = json!({ "email": "ann@example.com", "password": PASSWORD, "full_name": "Ann" });
    root.post("/private/users/", data).await.is_not_found();
    let document: Value = root.get("/openapi.json").await.ok();
    assert_eq!(document, serde_json::to_value(keel::app::document(Dashboard::Off)).unwrap());
}

#[tokio::test]
async fn private_routes_are_missing_in_production_whatever_the_switch_says() {
    let production = |settings: &mut keel::core::config::Settings| {
        settings.environment = Environment::Production;
        settings.server.fastapi_dashboard = true;
    };
    let app = TestApp::with(production).await;
    let data = json!({ "email": "ann@example.com", "password": PASSWORD, "full_name": "Ann" });
    app.anonymous().post("/private/users/", data).await.is_not_found();
    assert!(app.anonymous().get("/utils/health-check/").await.ok::<bool>());
    let document: Value = app.anonymous().get("/openapi.json").await.ok();
    assert!(document["paths"].get("/api/v1/private/users").is_none());
}

#[test]
fn document_grows_with_the_switch() {
    let (off, production, all) =
        (paths(Dashboard::Off), paths(Dashboard::WithoutPrivate), paths(Dashboard::WithPrivate));
    let added =
        |paths: &[String]| -> Vec<String> { paths.iter().filter(|path| !off.contains(path)).cloned().collect() };
    let utils =
        ["/api/v1/utils/health-check", "/api/v1/utils/test-email", "/api/v1/password-recovery-html-content/{email}"];
    assert_eq!(added(&production), utils);
    assert_eq!(added(&all), [&utils[..], &["/api/v1/private/users"]].concat());
}

const PRIVATE_USER: &str =
    r#"{ "email": "new@OWNER.example.com", "password": "correct horse battery", "full_name": "New" }"#;

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("utils-health_check", "", [200, 200, 200, 200]),
        row("utils-test_email", "?email_to=ann@example.com", [401, 403, 403, 201]),
        row("utils-recovery_html", "", [401, 403, 403, 200]),
        row("private-create_private_user", PRIVATE_USER, [200, 200, 200, 200]),
    ],
    placeholders: &[],
};
