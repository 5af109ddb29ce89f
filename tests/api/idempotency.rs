//! Requests that come again under an `Idempotency-Key`.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::schemas::item::{ItemPage, ItemRead};
use keel::schemas::user::{UserPage, UserRead};
use serde_json::{Value, json};

use crate::support::{Answer, Client, TestApp};

async fn post(client: &Client, path: &str, key: &str, body: Value) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    client.send(Method::POST, path, &headers, body.to_string().into()).await
}

async fn count(client: &Client) -> u64 {
    client.get("/items").await.ok::<ItemPage>().count.unwrap()
}

#[tokio::test]
async fn a_request_that_comes_again_is_not_done_again() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = json!({ "title": "kettle", "price": "24.90", "tags": ["b", "a"] });
    let first = post(&ann, "/items", "key", body.clone()).await.expect(StatusCode::CREATED);
    app.travel(TimeDelta::hours(23));
    let ann = again(&app).await;
    let replayed = post(&ann, "/items", "key", body.clone()).await.expect(StatusCode::CREATED);
    assert_eq!(replayed.body, first.body, "byte for byte");
    assert_eq!(
        (replayed.header("location"), replayed.header("etag")),
        (first.header("location"), first.header("etag"))
    );
    assert_eq!(count(&ann).await, 1);
    post(&ann, "/items", "another", body.clone()).await.created::<ItemRead>();
    ann.post("/items", body).await.created::<ItemRead>();
    assert_eq!(count(&ann).await, 3);
}

/// Ann, logged in anew: tokens end before keys do.
async fn again(app: &TestApp) -> Client {
    let token: keel::schemas::login::Token = app.log_in("ann", crate::support::app::PASSWORD).await.ok();
    app.bearer(&token.access_token)
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let item: ItemRead = post(&ann, "/items", "key", json!({ "title": "kettle" })).await.created();
    for body in [json!({ "title": "pot" }), json!({ "title": "kettle", "price": 1 })] {
        let problems = post(&ann, "/items", "key", body).await.problems();
        assert_eq!(problems, ["header.Idempotency-Key: value_error"]);
    }
    assert_eq!(ann.get("/items").await.ok::<ItemPage>().data, [item]);
}

#[tokio::test]
async fn a_key_is_its_users_own() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let body = json!({ "title": "kettle" });
    let hers: ItemRead = post(&ann, "/items", "key", body.clone()).await.created();
    let his: ItemRead = post(&bob, "/items", "key", body).await.created();
    assert_eq!((hers.owner_id, his.owner_id), (ann.id(), bob.id()));
}

#[tokio::test]
async fn what_failed_may_be_tried_again() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    assert_eq!(post(&ann, "/items", "key", json!({ "title": "" })).await.problems().len(), 1);
    post(&ann, "/items", "key", json!({ "title": "kettle" })).await.created::<ItemRead>();

    let new = json!({ "email": "ann@example.com", "password": "kettle with a lid" });
    post(&root, "/users", "key", new.clone()).await.error(StatusCode::CONFLICT);
    root.delete(&format!("/users/{}", ann.id())).await.is_no_content();
    let made: UserRead = post(&root, "/users", "key", new.clone()).await.created();
    assert_eq!(post(&root, "/users", "key", new).await.created::<UserRead>(), made);
    assert_eq!(root.get("/users").await.ok::<UserPage>().count, Some(2));
}

#[tokio::test]
async fn a_key_is_good_for_a_day() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = json!({ "title": "kettle" });
    let first: ItemRead = post(&ann, "/items", "key", body.clone()).await.created();
    app.travel(TimeDelta::hours(24));
    let second: ItemRead = post(&again(&app).await, "/items", "key", body).await.created();
    assert_ne!(first.id, second.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_make_one() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let ann = ann.clone();
            tokio::spawn(async move {
                post(&ann, "/items", "key", json!({ "title": "kettle", "tags": ["a"] })).await.created::<ItemRead>()
            })
        })
        .collect();
    let mut items = Vec::new();
    for call in calls {
        items.push(call.await.unwrap());
    }
    items.dedup();
    assert_eq!((items.len(), count(&ann).await), (1, 1));
}

/// As if the process had ended between the commit and the answer.
#[tokio::test]
async fn an_answer_that_was_lost_is_given_again() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for number in 0..20_u64 {
        let key = format!("key {number}");
        let body = json!({ "title": format!("kettle {number}") });
        let given_up = post(&ann, "/items", &key, body.clone());
        drop(tokio::time::timeout(std::time::Duration::from_micros(number * 300), given_up).await);
        post(&ann, "/items", &key, body).await.created::<ItemRead>();
        assert_eq!(count(&ann).await, number + 1);
    }
}

#[tokio::test]
async fn a_key_is_one_text_of_sensible_length() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let body = json!({ "title": "kettle" });
    for key in ["", &"x".repeat(256)] {
        assert_eq!(post(&ann, "/items", key, body.clone()).await.problems(), ["header.Idempotency-Key: value_error"]);
    }
    let twice = [("content-type", "application/json"), ("idempotency-key", "a"), ("idempotency-key", "b")];
    let answer = ann.send(Method::POST, "/items", &twice, body.to_string().into()).await;
    assert_eq!(answer.problems(), ["header.Idempotency-Key: value_error"]);
    let both = post(&ann, "/items", "", json!({})).await.problems();
    assert_eq!(both, ["body.title: missing", "header.Idempotency-Key: value_error"]);
    assert_eq!(post(&ann, "/items", "a\tb", body.clone()).await.problems(), ["header.Idempotency-Key: value_error"]);
    for key in [&"x".repeat(255), "~ !\"%&'()"] {
        post(&ann, "/items", key, body.clone()).await.created::<ItemRead>();
    }
}
