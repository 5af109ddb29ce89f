//! Users, as superusers look after them; somebody must always be left to do so.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::schemas::item::{ItemPage, ItemRead};
use keel::schemas::login::Token;
use keel::schemas::user::{UserPage, UserRead};
use serde_json::json;

use crate::support::app::PASSWORD;
use crate::support::{Client, TestApp};

const LAST: &str = "The last superuser cannot be removed";

fn path(user: &Client) -> String {
    format!("/users/{}", user.id())
}

#[tokio::test]
async fn users_are_listed_newest_first_in_pages() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for name in ["ann", "bob", "eve", "max"] {
        app.travel(TimeDelta::seconds(1));
        app.user(name).await;
    }
    let page = async |query: &str| {
        let page: UserPage = root.get(&format!("/users{query}")).await.ok();
        assert_eq!(page.count, Some(5), "of all, not of the page");
        page.data.into_iter().map(|user| user.username).collect::<Vec<_>>()
    };
    assert_eq!(page("").await, ["max", "eve", "bob", "ann", "root"]);
    assert_eq!(page("?limit=2").await, ["max", "eve"]);
    assert_eq!(page("?skip=2&limit=2").await, ["bob", "ann"]);
    assert_eq!(page("?skip=4").await, ["root"]);
    assert!(page("?skip=5").await.is_empty());
    let problems = root.get("/users?skip=-1&limit=101").await.problems();
    assert_eq!(problems, ["query.limit: less_than_equal", "query.skip: greater_than_equal"]);
}

#[tokio::test]
async fn a_superuser_changes_everything_about_a_user() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let changed: UserRead = root
        .patch(
            &path(&ann),
            json!({ "email": "eve@example.com", "username": "eve", "password": "another horse", "age": 7 }),
        )
        .await
        .ok();
    assert_eq!((changed.email.as_str(), changed.username.as_str(), changed.age), ("eve@example.com", "eve", Some(7)));
    assert_eq!(app.log_in("eve@example.com", "another horse").await.status, StatusCode::OK);
    assert_eq!(app.log_in("eve", PASSWORD).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.log_in("ann", "another horse").await.status, StatusCode::BAD_REQUEST);

    let nobody = "/users/01900000-0000-7000-8000-000000000000";
    root.patch(nobody, json!({ "age": 7 })).await.is_not_found();
    root.patch(nobody, json!({})).await.is_not_found();
    root.delete(nobody).await.is_not_found();
    root.get(nobody).await.is_not_found();
}

#[tokio::test]
async fn who_is_deactivated_is_out_with_the_next_request() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let item: ItemRead = ann.post("/items", json!({ "title": "kettle" })).await.created();

    let changed: UserRead = root.patch(&path(&ann), json!({ "is_active": false })).await.ok();
    assert!(!changed.is_active);
    ann.get("/users/me").await.is_unauthorized();
    ann.delete(&format!("/items/{}", item.id)).await.is_unauthorized();

    root.patch(&path(&ann), json!({ "is_active": true })).await.ok::<UserRead>();
    ann.get("/users/me").await.is_unauthorized();
    let token: Token = app.log_in("ann", PASSWORD).await.ok();
    let ann = app.bearer(&token.access_token);
    assert_eq!(ann.get(&format!("/items/{}", item.id)).await.ok::<ItemRead>(), item, "nothing is lost");
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    ann.get("/users").await.error(StatusCode::FORBIDDEN);
    root.patch(&path(&ann), json!({ "is_superuser": true })).await.ok::<UserRead>();
    ann.get("/users").await.ok::<UserPage>();
    root.patch(&path(&ann), json!({ "is_superuser": false })).await.ok::<UserRead>();
    let text = ann.get("/users").await.error(StatusCode::FORBIDDEN);
    assert_eq!(text, "The user doesn't have enough privileges");
    ann.get("/users/me").await.ok::<UserRead>();
}

#[tokio::test]
async fn the_last_superuser_stays() {
    let app = TestApp::start().await;
    let (ann, root, idle) = (app.user("ann").await, app.superuser("root").await, app.superuser("idle").await);
    // Who cannot log in does not look after anybody.
    root.patch(&path(&idle), json!({ "is_active": false })).await.ok::<UserRead>();

    for body in
        [json!({ "is_superuser": false }), json!({ "is_active": false }), json!({ "is_active": false, "age": 7 })]
    {
        assert_eq!(root.patch(&path(&root), body).await.error(StatusCode::CONFLICT), LAST);
    }
    assert_eq!(root.delete(&path(&root)).await.error(StatusCode::CONFLICT), LAST);
    assert_eq!(root.delete("/users/me").await.error(StatusCode::CONFLICT), LAST);
    assert_eq!(Some(root.get("/users/me").await.ok::<UserRead>()), root.user, "not even the age has changed");

    // Everybody else may go, and so may he once there is another.
    root.patch(&path(&root), json!({ "age": 7, "is_active": true, "is_superuser": true })).await.ok::<UserRead>();
    root.patch(&path(&idle), json!({ "is_superuser": false })).await.ok::<UserRead>();
    root.delete(&path(&idle)).await.is_no_content();
    root.patch(&path(&ann), json!({ "is_superuser": true })).await.ok::<UserRead>();
    root.delete("/users/me").await.is_no_content();
    assert_eq!(ann.delete("/users/me").await.error(StatusCode::CONFLICT), LAST);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_superusers_who_remove_each_other_one_remains() {
    let removals = [
        (Method::DELETE, json!({})),
        (Method::PATCH, json!({ "is_superuser": false })),
        (Method::PATCH, json!({ "is_active": false })),
    ];
    let app = TestApp::start().await;
    let mut ann = app.superuser("ann").await;
    for (round, (method, body)) in removals.iter().cycle().take(12).enumerate() {
        let bob = app.superuser(&format!("bob-{round}")).await;
        let remove = |who: &Client, whom: &Client| {
            let (who, path, method, body) = (who.clone(), path(whom), method.clone(), body.clone());
            tokio::spawn(async move { who.json(method, &path, body).await.status })
        };
        let (first, second) = (remove(&ann, &bob), remove(&bob, &ann));
        let statuses = [first.await.unwrap(), second.await.unwrap()];
        let removed = statuses.iter().filter(|status| status.is_success()).count();
        // The other one came too late: he was removed already, or he would have been the last to go.
        let late = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::CONFLICT];
        assert!(removed == 1 && statuses.iter().any(|status| late.contains(status)), "{method} {body}: {statuses:?}");
        let left = [ann.get("/users").await.status, bob.get("/users").await.status];
        assert_eq!(left.iter().filter(|status| status.is_success()).count(), 1, "{method} {body}: {left:?}");
        if !left[0].is_success() {
            ann = bob;
        }
    }
}

/// Demoting somebody locks his row and those of the superusers: never in two orders.
#[tokio::test(flavor = "multi_thread")]
async fn demotions_do_not_wait_for_each_other_for_ever() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let mut users = Vec::new();
    for number in 0..6 {
        users.push(if number % 2 == 0 {
            app.superuser(&format!("user-{number}")).await
        } else {
            app.user(&format!("user-{number}")).await
        });
    }
    for round in 0..6 {
        let changes: Vec<_> = users
            .iter()
            .map(|user| {
                let (root, path) = (root.clone(), path(user));
                let body = json!({ "is_superuser": round % 2 == 1, "is_active": true });
                tokio::spawn(async move { root.patch(&path, body).await.ok::<UserRead>() })
            })
            .collect();
        for change in changes {
            change.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_deleted_while_creating_items_leaves_none() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let mut created = 0;
    for round in 0..5 {
        let ann = app.user(&format!("ann-{round}")).await;
        let post = |number: usize| {
            let ann = ann.clone();
            let body = json!({ "title": number.to_string(), "tags": [format!("tag {number}")] });
            tokio::spawn(async move { ann.post("/items", body).await.status })
        };
        let mut posts: Vec<_> = (0..10).map(post).collect();
        let delete = tokio::spawn({
            let (root, path) = (root.clone(), path(&ann));
            async move { root.delete(&path).await }
        });
        posts.extend((10..20).map(post));
        for post in posts {
            let status = post.await.unwrap();
            assert!([StatusCode::CREATED, StatusCode::UNAUTHORIZED].contains(&status), "{status}");
            created += usize::from(status == StatusCode::CREATED);
        }
        delete.await.unwrap().is_no_content();
        assert_eq!(root.get("/items").await.ok::<ItemPage>().count, Some(0), "round {round}");
        ann.post("/items", json!({ "title": "too late" })).await.is_unauthorized();
    }
    assert!(created > 0, "he was never there");
}

/// As of when it is done, and not of when it was begun: a body may take long to arrive.
#[tokio::test]
async fn a_role_that_is_gone_by_then_changes_nobody() {
    let app = TestApp::start().await;
    let (ann, bob, root) = (app.superuser("ann").await, app.user("bob").await, app.superuser("root").await);
    root.patch(&path(&ann), json!({ "is_superuser": false })).await.ok::<UserRead>();
    let (accounts, client) = (&app.state.accounts, keel::core::client::Client::default());
    for target in [ann.id(), bob.id()] {
        let data = serde_json::from_value(json!({ "is_superuser": true })).unwrap();
        keel::services::account::user::update(accounts, &client, ann.id(), target, data).await.unwrap_err();
    }
    ann.get("/users").await.error(StatusCode::FORBIDDEN);
}
