//! Expired rows are deleted.

use chrono::TimeDelta;
use keel::schemas::login::Token;
use keel::schemas::user::UserRead;
use keel::services::clean_up;
use sea_orm::{ConnectionTrait, Statement};

use crate::support::TestApp;
use crate::support::app::PASSWORD;

async fn rows(app: &TestApp, table: &str) -> i64 {
    let db = &app.state.db;
    let query = Statement::from_string(db.get_database_backend(), format!("SELECT count(*) AS count FROM {table}"));
    db.query_one_raw(query).await.unwrap().unwrap().try_get("", "count").unwrap()
}

#[tokio::test]
async fn clean_up_deletes_expired_rows_alone() {
    let app = TestApp::start().await;
    app.superuser("ann").await;
    app.travel(TimeDelta::days(13));
    let token = app.log_in("ann", PASSWORD).await.ok::<Token>();
    let ann = app.bearer(&token.access_token);
    ann.get("/users/me").await.ok::<UserRead>();
    // only with jobs: begin
    let link = serde_json::json!({ "email": "ann@example.com" });
    app.anonymous().post("/password-recovery", link).await.ok::<serde_json::Value>();
    app.outbox.token("ann@example.com").await;
    assert_eq!((rows(&app, "email_tokens").await, rows(&app, "jobs").await), (1, 1));
    // only with jobs: end
    // only with realtime: begin
    ann.post("/ws/ticket", serde_json::json!({})).await.ok::<serde_json::Value>();
    assert_eq!(rows(&app, "tickets").await, 1);
    // only with realtime: end
    // only with api_keys: begin
    let key = serde_json::json!({ "name": "backup", "scope": "users", "expires_in_days": 1 });
    ann.post("/users/me/api-keys", key).await.created::<serde_json::Value>();
    // only with api_keys: end
    assert_eq!(rows(&app, "sessions").await, 2);
    app.travel(TimeDelta::days(2));
    clean_up::run(&app.state.accounts).await.unwrap();
    // The session of two weeks ago has expired, the one of two days ago has not.
    assert_eq!((rows(&app, "users").await, rows(&app, "sessions").await), (1, 1));
    assert_eq!((rows(&app, "email_tokens").await, rows(&app, "jobs").await), (0, 0)); // only with jobs
    assert_eq!(rows(&app, "tickets").await, 0); // only with realtime
    assert_eq!(rows(&app, "api_keys").await, 0); // only with api_keys
}
