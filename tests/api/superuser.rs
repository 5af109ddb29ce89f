//! Administration of users by superusers.

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use keel::entities::user::Entity;
use keel::schemas::login::Token;
use keel::schemas::user::{UserPage, UserRead};
use keel::services::account::reauthentication::SessionUser;
use keel::services::account::user::{self, Actor, Creator};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Client, TestApp};

const LAST: &str = "The last superuser cannot be removed";

fn path(user: &Client) -> String {
    format!("/users/{}", user.id())
}

#[tokio::test]
async fn users_are_listed_newest_first() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for name in ["ann", "bob", "eve", "max"] {
        app.travel(TimeDelta::seconds(1));
        app.user(name).await;
    }
    let page = async |query: &str| {
        let page: UserPage = root.get(&format!("/users{query}")).await.ok();
        assert_eq!(page.count, Some(5), "counts all users");
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
async fn superuser_changes_a_user() {
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

    let unknown = "/users/01900000-0000-7000-8000-000000000000";
    root.patch(unknown, json!({ "age": 7 })).await.is_not_found();
    root.patch(unknown, json!({})).await.is_not_found();
    root.delete(unknown).await.is_not_found();
    root.get(unknown).await.is_not_found();
}

#[tokio::test]
async fn superuser_creates_superusers_and_inactive_users() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    app.outbox.unread().await; // only with jobs
    let body = |name: &str, flags: Value| {
        let mut body = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
        body.as_object_mut().unwrap().extend(flags.as_object().unwrap().clone());
        body
    };
    let plain: UserRead = root.post("/users", body("ann", json!({}))).await.created();
    assert!(plain.is_active && !plain.is_superuser);
    app.outbox.token("ann@example.com").await; // only with jobs

    let superuser: UserRead = root.post("/users", body("eve", json!({ "is_superuser": true }))).await.created();
    assert!(superuser.is_active && superuser.is_superuser);
    let token: Token = app.log_in("eve", PASSWORD).await.ok();
    app.bearer(&token.access_token).get("/users").await.ok::<UserPage>();
    app.outbox.token("eve@example.com").await; // only with jobs

    let inactive: UserRead = root.post("/users", body("max", json!({ "is_active": false }))).await.created();
    assert!(!inactive.is_active);
    assert_eq!(app.log_in("max", PASSWORD).await.error(StatusCode::BAD_REQUEST), "Incorrect email or password");
    assert!(app.outbox.unread().await.is_empty(), "no invitation for a user who may not log in"); // only with jobs

    let null = root.post("/users", body("zoe", json!({ "is_active": null, "is_superuser": "yes" }))).await;
    assert_eq!(null.problems().len(), 2);
}

#[tokio::test]
async fn sign_up_ignores_role_and_activity() {
    let app = TestApp::start().await;
    let body = json!({ "email": "ann@example.com", "password": PASSWORD, "is_superuser": true, "is_active": false });
    let user: UserRead = app.anonymous().post("/users/signup", body).await.created();
    assert!(user.is_active && !user.is_superuser);
}

#[tokio::test]
async fn deactivation_takes_effect_at_the_next_request() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    let profile: UserRead = ann.patch("/users/me", json!({ "age": 7 })).await.ok();

    let changed: UserRead = root.patch(&path(&ann), json!({ "is_active": false })).await.ok();
    assert!(!changed.is_active);
    ann.get("/users/me").await.is_unauthorized();
    ann.patch("/users/me", json!({ "age": 8 })).await.is_unauthorized();

    root.patch(&path(&ann), json!({ "is_active": true })).await.ok::<UserRead>();
    ann.get("/users/me").await.is_unauthorized();
    let token: Token = app.log_in("ann", PASSWORD).await.ok();
    let ann = app.bearer(&token.access_token);
    assert_eq!(ann.get("/users/me").await.ok::<UserRead>(), profile, "nothing is lost");
}

#[tokio::test]
async fn role_change_takes_effect_at_the_next_request() {
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
async fn last_superuser_cannot_be_removed() {
    let app = TestApp::start().await;
    let (ann, root, idle) = (app.user("ann").await, app.superuser("root").await, app.superuser("idle").await);
    // An inactive superuser does not count.
    root.patch(&path(&idle), json!({ "is_active": false })).await.ok::<UserRead>();

    for body in
        [json!({ "is_superuser": false }), json!({ "is_active": false }), json!({ "is_active": false, "age": 7 })]
    {
        assert_eq!(root.patch(&path(&root), body).await.error(StatusCode::CONFLICT), LAST);
    }
    assert_eq!(root.delete(&path(&root)).await.error(StatusCode::CONFLICT), LAST);
    assert_eq!(root.delete("/users/me").await.error(StatusCode::CONFLICT), LAST);
    assert_eq!(Some(root.get("/users/me").await.ok::<UserRead>()), root.user, "the whole change is rejected");

    // Other users can be removed, and the superuser once there is another one.
    root.patch(&path(&root), json!({ "age": 7, "is_active": true, "is_superuser": true })).await.ok::<UserRead>();
    root.patch(&path(&idle), json!({ "is_superuser": false })).await.ok::<UserRead>();
    root.delete(&path(&idle)).await.is_no_content();
    root.patch(&path(&ann), json!({ "is_superuser": true })).await.ok::<UserRead>();
    root.delete("/users/me").await.is_no_content();
    assert_eq!(ann.delete("/users/me").await.error(StatusCode::CONFLICT), LAST);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_removal_of_two_superusers_leaves_one() {
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
        // The other request was late: its actor was removed already, or would have been the last superuser.
        let late = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::CONFLICT];
        assert!(removed == 1 && statuses.iter().any(|status| late.contains(status)), "{method} {body}: {statuses:?}");
        let left = [ann.get("/users").await.status, bob.get("/users").await.status];
        assert_eq!(left.iter().filter(|status| status.is_success()).count(), 1, "{method} {body}: {left:?}");
        if !left[0].is_success() {
            ann = bob;
        }
    }
}

/// A demotion locks the rows of the user and of all superusers, always in the same order.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_demotions_do_not_deadlock() {
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

#[tokio::test]
async fn changing_the_login_of_a_superuser_needs_a_recent_login() {
    let app = TestApp::with(|settings| settings.auth.recent_login_seconds = 0).await;
    let (root, other, ann) = (app.superuser("root").await, app.superuser("other").await, app.user("ann").await);
    for login in [json!({ "email": "eve@example.org" }), json!({ "password": "kettle with a lid" })] {
        for superuser in [&root, &other] {
            root.patch(&path(superuser), login.clone()).await.error(StatusCode::FORBIDDEN);
        }
        root.patch(&path(&ann), login).await.ok::<UserRead>();
    }
    let other = json!({ "email": "root@example.com", "full_name": "Root" });
    assert_eq!(root.patch(&path(&root), other).await.ok::<UserRead>().full_name.as_deref(), Some("Root"));
    root.delete(&path(&root)).await.error(StatusCode::FORBIDDEN);
    root.delete(&path(&ann)).await.is_no_content();
}

/// A stolen token must not leave a superuser behind.
#[tokio::test]
async fn making_a_superuser_needs_a_recent_login() {
    let app = TestApp::with(|settings| settings.auth.recent_login_seconds = 0).await;
    let (root, ann) = (app.superuser("root").await, app.user("ann").await);
    let body = |is_superuser: bool| json!({ "email": "eve@example.com", "username": "eve", "password": PASSWORD, "is_superuser": is_superuser });
    root.post("/users", body(true)).await.error(StatusCode::FORBIDDEN);
    root.patch(&path(&ann), json!({ "is_superuser": true })).await.error(StatusCode::FORBIDDEN);
    let former = app.superuser("former").await;
    root.patch(&path(&former), json!({ "is_active": false })).await.ok::<UserRead>();
    root.patch(&path(&former), json!({ "is_active": true })).await.error(StatusCode::FORBIDDEN);
    assert!(!root.get(&path(&ann)).await.ok::<UserRead>().is_superuser);
    root.post("/users", body(false)).await.created::<UserRead>();
}

/// The role is checked when the change is made, because a body may take long to arrive.
#[tokio::test]
async fn changes_of_users_fail_after_the_actor_lost_the_role() {
    let app = TestApp::start().await;
    let (ann, bob, root) = (app.superuser("ann").await, app.user("bob").await, app.superuser("root").await);
    let stale = Entity::find_by_id(ann.id()).one(&app.state.db).await.unwrap().unwrap();
    root.patch(&path(&ann), json!({ "is_superuser": false })).await.ok::<UserRead>();
    let (accounts, client) = (&app.state.accounts, keel::core::client::Client::default());
    for target in [ann.id(), bob.id()] {
        let data = serde_json::from_value(json!({ "is_superuser": true })).unwrap();
        let caller = SessionUser { user: &stale, session: uuid::Uuid::nil(), client: &client };
        user::update(accounts, caller, target, data).await.unwrap_err();
        user::delete(accounts, Actor { id: ann.id(), client: &client }, target).await.unwrap_err();
    }
    let data = json!({ "email": "eve@example.com", "password": PASSWORD, "is_superuser": true });
    let creator = Creator {
        actor: Actor { id: ann.id(), client: &client },
        session: Some(uuid::Uuid::nil()),
        key: None, // only with idempotency
    };
    user::create(accounts, creator, serde_json::from_value(data).unwrap()).await.unwrap_err();
    ann.get("/users").await.error(StatusCode::FORBIDDEN);
}
