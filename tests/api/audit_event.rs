//! The audit trail.

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::entities::audit_event;
use keel::schemas::audit_event::{AuditEventPage, AuditKind, RecordedKind};
use keel::schemas::user::UserRead;
use keel::services::clean_up;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::json;

use crate::permissions::{Permissions, row};
use crate::support::app::PASSWORD;
use crate::support::{Client, TestApp};

async fn kinds(root: &Client, query: &str) -> Vec<RecordedKind> {
    let page: AuditEventPage = root.get(&format!("/audit-events?{query}")).await.ok();
    page.data.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn events_of_an_account_are_recorded_in_order() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let path = format!("/users/{}", ann.id());
    app.log_in("ann", "kettle with a lid").await;
    app.settle().await;
    // only with jobs: begin
    ann.post("/password-recovery", json!({ "email": "ann@example.com" })).await;
    let token = app.outbox.token("ann@example.com").await;
    let reset = json!({ "token": token, "new_password": "kettle with a lid" });
    app.anonymous().post("/reset-password", reset).await;
    // only with jobs: end
    root.patch(&path, json!({ "is_superuser": true, "is_active": false, "email": "a@example.org" })).await;
    root.delete(&path).await.is_no_content();

    let page: AuditEventPage = root.get(&format!("/audit-events?user_id={}", ann.id())).await.ok();
    let kinds: Vec<RecordedKind> = page.data.iter().map(|event| event.kind.clone()).collect();
    let expected = [
        AuditKind::UserDeleted,
        AuditKind::EmailChanged,
        AuditKind::ActivityChanged,
        AuditKind::RoleChanged,
        AuditKind::PasswordReset,          // only with jobs
        AuditKind::PasswordResetRequested, // only with jobs
        AuditKind::LoginFailed,
        AuditKind::Login,
        AuditKind::UserCreated,
    ]
    .map(RecordedKind::Known);
    assert_eq!(kinds, expected, "newest first");
    let by_root = |event: usize| page.data[event].actor_id == Some(root.id());
    assert!(by_root(0) && by_root(1) && by_root(2) && by_root(3));
    assert_eq!(page.data[3].detail.as_deref(), Some("superuser"));
    let actors: Vec<_> = page.data.iter().rev().skip(1).map(|event| event.actor_id).take(2).collect();
    assert_eq!(actors, [Some(ann.id()), None], "the login that succeeded, and the one that failed");
}

#[tokio::test]
async fn events_are_filtered_and_paged() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for _ in 0..3 {
        app.log_in("root", "kettle with a lid").await;
    }
    app.settle().await;
    assert_eq!(kinds(&root, "kind=login_failed").await, [const { RecordedKind::Known(AuditKind::LoginFailed) }; 3]);
    assert_eq!(kinds(&root, "kind=login_failed&limit=2&skip=2").await.len(), 1);
    let page: AuditEventPage = root.get("/audit-events?kind=login_failed&limit=1").await.ok();
    assert_eq!((page.count, page.data[0].user_id), (Some(3), Some(root.id())));
    assert_eq!(root.get("/audit-events?kind=nothing").await.problems(), ["query.kind: enum"]);
}

#[tokio::test]
async fn failed_login_with_unknown_name_is_not_stored() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let before = kinds(&root, "").await.len();
    for name in ["unknown", PASSWORD, "unknown@example.com"] {
        app.log_in(name, PASSWORD).await.expect(StatusCode::BAD_REQUEST);
    }
    app.settle().await;
    assert_eq!(kinds(&root, "").await.len(), before);
}

/// As after a rolling release, or after a kind was removed.
#[tokio::test]
async fn unknown_stored_kind_is_shown_as_text() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let rename = audit_event::Entity::update_many().col_expr(audit_event::Column::Kind, Expr::value("kettle_boiled"));
    rename.filter(audit_event::Column::Kind.eq("login")).exec(&app.state.db).await.unwrap();
    let unknown = RecordedKind::Unknown("kettle_boiled".to_owned());
    assert_eq!(kinds(&root, "").await, [unknown, RecordedKind::Known(AuditKind::UserCreated)]);
}

#[tokio::test]
async fn events_are_deleted_after_keep_days() {
    let app = TestApp::with(|settings| settings.audit.keep_days = 30).await;
    app.user("ann").await;
    let count = async || audit_event::Entity::find().count(&app.state.db).await.unwrap();
    let before = count().await;
    assert!(before > 0);
    app.travel(TimeDelta::days(30) - TimeDelta::minutes(5));
    clean_up::run(&app.state.accounts).await.unwrap();
    assert_eq!(count().await, before);
    app.travel(TimeDelta::minutes(10));
    app.user("bob").await;
    clean_up::run(&app.state.accounts).await.unwrap();
    assert_eq!(count().await, before, "bob's");
}

#[tokio::test]
async fn change_without_effect_records_no_event() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let before = kinds(&root, "").await.len();
    ann.patch("/users/me", json!({ "age": 7 })).await.ok::<UserRead>();
    root.patch(&format!("/users/{}", ann.id()), json!({ "is_active": true, "is_superuser": false })).await;
    assert_eq!(kinds(&root, "").await.len(), before);
}

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("audit-events-read_audit_events", "", [401, 403, 403, 200]),
    ],
    placeholders: &[],
};
