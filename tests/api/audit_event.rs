//! What happened to accounts, as superusers read it.

use keel::schemas::audit_event::{AuditEventPage, AuditKind};
use keel::schemas::user::UserRead;
use serde_json::json;

use crate::permissions::{Permissions, row};
use crate::support::app::PASSWORD;
use crate::support::{Client, TestApp};

async fn kinds(root: &Client, query: &str) -> Vec<AuditKind> {
    let page: AuditEventPage = root.get(&format!("/audit-events?{query}")).await.ok();
    page.data.into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn the_life_of_an_account_can_be_followed() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let path = format!("/users/{}", ann.id());
    app.log_in("ann", "kettle with a lid").await;
    ann.post("/password-recovery", json!({ "email": "ann@example.com" })).await;
    let token = app.outbox.token("ann@example.com").await;
    let reset = json!({ "token": token, "new_password": "kettle with a lid" });
    app.anonymous().post("/reset-password", reset).await;
    root.patch(&path, json!({ "is_superuser": true, "is_active": false, "email": "a@example.org" })).await;
    root.delete(&path).await.is_no_content();

    let page: AuditEventPage = root.get(&format!("/audit-events?user_id={}", ann.id())).await.ok();
    let kinds: Vec<AuditKind> = page.data.iter().map(|event| event.kind).collect();
    let expected = [
        AuditKind::UserDeleted,
        AuditKind::EmailChanged,
        AuditKind::ActivityChanged,
        AuditKind::RoleChanged,
        AuditKind::PasswordReset,
        AuditKind::PasswordResetRequested,
        AuditKind::LoginFailed,
        AuditKind::Login,
        AuditKind::UserCreated,
    ];
    assert_eq!(kinds, expected, "newest first");
    let by_root = |event: usize| page.data[event].actor_id == Some(root.id());
    assert!(by_root(0) && by_root(1) && by_root(2) && by_root(3));
    assert_eq!(page.data[3].detail.as_deref(), Some("superuser"));
    assert_eq!((page.data[6].actor_id, page.data[7].actor_id), (None, Some(ann.id())));
}

#[tokio::test]
async fn the_trail_is_filtered_and_paged() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for name in ["nobody", PASSWORD, "nobody@example.com"] {
        app.log_in(name, PASSWORD).await;
    }
    assert_eq!(kinds(&root, "kind=login_failed").await, [AuditKind::LoginFailed; 3]);
    assert_eq!(kinds(&root, "kind=login_failed&limit=2&skip=2").await.len(), 1);
    let page: AuditEventPage = root.get("/audit-events?kind=login_failed&limit=1").await.ok();
    assert_eq!((page.count, page.data[0].user_id), (Some(3), None), "of all, and of nobody that there is");
    assert_eq!(root.get("/audit-events?kind=nothing").await.problems(), ["query.kind: enum"]);
    // What was typed as a name may be a password.
    let all = root.get("/audit-events").await;
    assert!(!String::from_utf8_lossy(&all.body).contains(PASSWORD));
}

#[tokio::test]
async fn what_changes_nothing_leaves_no_trace() {
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
