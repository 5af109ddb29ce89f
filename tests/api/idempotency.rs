//! Requests that are sent again with an `Idempotency-Key`.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::entities::idempotency_key;
use keel::jobs::queue::{self, Status};
use keel::schemas::login::Token;
use keel::schemas::user::{UserPage, UserRead};
use keel::services::clean_up;
use sea_orm::sea_query::Expr;
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Client, Response, TestApp};

async fn post(client: &Client, path: &str, key: &str, body: Value) -> Response {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.send(Method::POST, path, &headers, body.to_string().into()).await
}

/// A superuser creates a user.
async fn create(root: &Client, key: &str, name: &str) -> Response {
    post(root, "/users", key, user(name)).await
}

fn user(name: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "username": name, "password": "kettle with a lid" })
}

async fn count(root: &Client) -> u64 {
    root.get("/users").await.ok::<UserPage>().count.unwrap()
}

/// How many keys are stored.
async fn stored(app: &TestApp) -> u64 {
    idempotency_key::Entity::find().count(&app.state.db).await.unwrap()
}

/// A new login of root: tokens expire before keys do.
async fn again(app: &TestApp) -> Client {
    let token: Token = app.log_in("root", PASSWORD).await.ok();
    app.bearer(&token.access_token)
}

#[tokio::test]
async fn repeated_request_gets_the_first_response() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let first = create(&root, "key", "ann").await.expect(StatusCode::CREATED);
    app.travel(TimeDelta::hours(23));
    let root = again(&app).await;
    let repeated = create(&root, "key", "ann").await.expect(StatusCode::CREATED);
    assert_eq!(repeated.body, first.body, "byte for byte");
    assert_eq!(count(&root).await, 2);
    create(&root, "another", "ann").await.error(StatusCode::CONFLICT);
    root.post("/users", user("bob")).await.created::<UserRead>();
    assert_eq!(count(&root).await, 3);
}

#[tokio::test]
async fn different_request_with_the_same_key_is_refused() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    create(&root, "key", "ann").await.created::<UserRead>();
    let mut older = user("ann");
    older["age"] = json!(42);
    for body in [user("bob"), older] {
        assert_eq!(post(&root, "/users", "key", body).await.problems(), ["header.Idempotency-Key: value_error"]);
    }
    assert_eq!(count(&root).await, 2);
}

// only with notifications
#[tokio::test]
async fn key_of_another_route_is_refused() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let body = json!({ "email": "ann@example.com", "password": "kettle with a lid", "message": "Hello" });
    post(&root, "/users", "key", body.clone()).await.created::<UserRead>();
    let problems = post(&root, "/notifications", "key", body).await.problems();
    assert_eq!(problems, ["header.Idempotency-Key: value_error"]);
}

#[tokio::test]
async fn keys_of_different_users_are_independent() {
    let app = TestApp::start().await;
    let (root, other) = (app.superuser("root").await, app.superuser("other").await);
    let ann: UserRead = create(&root, "key", "ann").await.created();
    let bob: UserRead = create(&other, "key", "bob").await.created();
    assert_ne!(ann.id, bob.id);
}

#[tokio::test]
async fn failed_request_can_be_sent_again() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let ann: UserRead = root.post("/users", user("ann")).await.created();
    create(&root, "key", "ann").await.error(StatusCode::CONFLICT);
    root.delete(&format!("/users/{}", ann.id)).await.is_no_content();
    let created: UserRead = create(&root, "key", "ann").await.created();
    assert_eq!(create(&root, "key", "ann").await.created::<UserRead>(), created);
    assert_eq!(count(&root).await, 2);
}

#[tokio::test]
async fn key_expires_after_a_day() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    create(&root, "key", "ann").await.created::<UserRead>();
    app.travel(TimeDelta::hours(24));
    create(&again(&app).await, "key", "bob").await.created::<UserRead>();
    assert_eq!(stored(&app).await, 1);
}

#[tokio::test]
async fn clean_up_deletes_keys_after_a_day() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    create(&root, "key", "ann").await.created::<UserRead>();
    app.travel(TimeDelta::hours(23));
    clean_up::run(&app.state.accounts).await.unwrap();
    assert_eq!(stored(&app).await, 1);
    app.travel(TimeDelta::hours(1));
    clean_up::run(&app.state.accounts).await.unwrap();
    assert_eq!(stored(&app).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_with_one_key_execute_once() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let root = root.clone();
            tokio::spawn(async move { create(&root, "key", "ann").await.created::<UserRead>() })
        })
        .collect();
    let mut users = Vec::new();
    for call in calls {
        users.push(call.await.unwrap());
    }
    users.dedup();
    assert_eq!((users.len(), count(&root).await), (1, 2));
}

/// As after a crash between the commit and the response.
#[tokio::test]
async fn request_after_a_lost_response_executes_nothing_again() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for number in 0..20_u64 {
        let (key, name) = (format!("key {number}"), format!("user-{number}"));
        let aborted = create(&root, &key, &name);
        drop(tokio::time::timeout(std::time::Duration::from_micros(number * 300), aborted).await);
        create(&root, &key, &name).await.created::<UserRead>();
        assert_eq!(count(&root).await, number + 2);
    }
}

// only with notifications
/// As after a release that has changed the type of the response.
#[tokio::test]
async fn stored_response_that_does_not_parse_is_replaced() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let send = async || {
        let body = json!({ "email": "ann@example.com", "message": "hello" });
        post(&ann, "/notifications", "key", body).await.expect(StatusCode::ACCEPTED)
    };
    let db = &app.state.db;
    let queued = async || queue::count(db, Status::Queued).await.unwrap();
    let before = queued().await;
    send().await;
    let changed = Expr::value(r#"{"shape":"another"}"#);
    idempotency_key::Entity::update_many().col_expr(idempotency_key::Column::Response, changed).exec(db).await.unwrap();
    send().await;
    assert_eq!(queued().await, before + 2, "executed again");
    send().await;
    assert_eq!(queued().await, before + 2, "stored again");
}

#[tokio::test]
async fn key_is_one_text_of_limited_length() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for key in ["", &"x".repeat(256), "a\tb"] {
        assert_eq!(create(&root, key, "ann").await.problems(), ["header.Idempotency-Key: value_error"]);
    }
    let twice = [("content-type", "application/json"), ("idempotency-key", "a"), ("idempotency-key", "b")];
    let response = root.send(Method::POST, "/users", &twice, user("ann").to_string().into()).await;
    assert_eq!(response.problems(), ["header.Idempotency-Key: value_error"]);
    let all = post(&root, "/users", "", json!({})).await.problems();
    assert_eq!(all, ["body.email: missing", "body.password: missing", "header.Idempotency-Key: value_error"]);
    for (key, name) in [(&*"x".repeat(255), "ann"), ("~ !\"%&'()", "bob")] {
        create(&root, key, name).await.created::<UserRead>();
    }
}
