//! Sessions: how they begin, are listed and end. Refreshing is in `refresh`.

mod refresh;

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::login::Token;
use keel::schemas::scope::Scopes;
use keel::schemas::session::SessionPage;
use keel::schemas::user::{UserPage, UserRead};
use keel::services::account::AccountContext;
use keel::services::account::principal::PrincipalCache;
use keel::state::AppState;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::permissions::{Permissions, Placeholder, row};
use crate::support::app::PASSWORD;
use crate::support::app::build;
use crate::support::socket::TIMEOUT;
use crate::support::{Client, TestApp};

const OTHER: &str = "kettle with a lid";

/// Another login of the same user.
async fn again(app: &TestApp, client: &Client) -> Client {
    let token: Token = app.log_in(&client.user.as_ref().unwrap().username, PASSWORD).await.ok();
    Client { user: client.user.clone(), refresh_token: Some(token.refresh_token), ..app.bearer(&token.access_token) }
}

/// Both tokens of the session are refused.
#[track_caller]
fn is_over(session: &Client) -> impl Future<Output = ()> {
    let session = session.clone();
    async move {
        session.get("/users/me").await.is_unauthorized();
        let refresh = json!({ "refresh_token": session.refresh_token });
        session.post("/login/refresh", refresh).await.is_unauthorized();
    }
}

async fn sessions(client: &Client) -> SessionPage {
    client.get("/users/me/sessions").await.ok()
}

#[tokio::test]
async fn login_is_listed_among_the_sessions() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let form = [("content-type", "application/x-www-form-urlencoded"), ("user-agent", "kettle/1.0 \u{1b}[31m")];
    let login = "username=ann&password=correct+horse+battery&scope=me";
    app.travel(TimeDelta::seconds(1));
    let response = app.anonymous().send("POST".parse().unwrap(), "/token", &form[..1], login.into()).await;
    let phone = app.bearer(&response.ok::<Token>().access_token);

    let seen = sessions(&phone).await;
    assert_eq!(seen.count, Some(2));
    assert_eq!((seen.data[0].is_current, seen.data[1].is_current), (true, false), "newest first");
    assert_eq!((seen.data[0].scope.as_str(), seen.data[1].scope.as_str()), ("me", &*Scopes::all().to_string()));
    assert!(sessions(&ann).await.data[1].is_current);
    assert_eq!(sessions(&app.user("bob").await).await.count, Some(1), "only their own");
}

#[tokio::test]
async fn user_agent_is_stored_cut_to_255_characters() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("user-agent", &"x".repeat(300))];
    let login = "username=ann&password=correct+horse+battery";
    let response = app.anonymous().send("POST".parse().unwrap(), "/token", &headers, login.into()).await;
    let seen = sessions(&app.bearer(&response.ok::<Token>().access_token)).await;
    assert_eq!(seen.data[0].user_agent, Some("x".repeat(255)));
}

#[tokio::test]
async fn logout_ends_one_session() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let phone = again(&app, &ann).await;
    phone.send("POST".parse().unwrap(), "/logout", &[], "".into()).await.is_no_content();
    is_over(&phone).await;
    ann.get("/users/me").await.ok::<UserRead>();
    assert_eq!(sessions(&ann).await.count, Some(1));
}

#[tokio::test]
async fn logout_all_ends_all_sessions_of_the_user() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let phone = again(&app, &ann).await;
    phone.send("POST".parse().unwrap(), "/logout/all", &[], "".into()).await.is_no_content();
    is_over(&phone).await;
    is_over(&ann).await;
    bob.get("/users/me").await.ok::<UserRead>();
}

#[tokio::test]
async fn own_session_can_be_ended_by_id() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let phone = again(&app, &ann).await;
    let id = sessions(&phone).await.data.into_iter().find(|session| session.is_current).unwrap().id;
    let path = format!("/users/me/sessions/{id}");
    bob.delete(&path).await.is_not_found();
    phone.get("/users/me").await.ok::<UserRead>();
    ann.delete(&path).await.is_no_content();
    is_over(&phone).await;
    ann.delete(&path).await.is_not_found();
}

#[tokio::test]
async fn password_change_ends_the_other_sessions() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let phone = again(&app, &ann).await;
    let change = json!({ "current_password": PASSWORD, "new_password": OTHER });
    ann.patch("/users/me/password", change).await.expect(StatusCode::OK);
    is_over(&phone).await;
    ann.get("/users/me").await.ok::<UserRead>();
    ann.post("/login/refresh", json!({ "refresh_token": ann.refresh_token })).await.ok::<Token>();
}

#[tokio::test]
async fn change_by_a_superuser_ends_all_sessions_of_the_user() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    for (name, change) in [("ann", json!({ "password": OTHER })), ("bob", json!({ "is_active": false }))] {
        let user = app.user(name).await;
        let phone = again(&app, &user).await;
        user.get("/users/me").await.ok::<UserRead>();
        root.patch(&format!("/users/{}", user.id()), change).await.ok::<UserRead>();
        is_over(&user).await;
        is_over(&phone).await;
    }
    let eve = app.user("eve").await;
    root.delete(&format!("/users/{}", eve.id())).await.is_no_content();
    is_over(&eve).await;
    root.get("/users").await.ok::<UserPage>();
}

#[tokio::test]
async fn session_expires_when_unused_and_at_its_maximum_age() {
    let app = TestApp::with(|settings| {
        settings.auth.refresh_token_seconds = 1000;
        settings.auth.session_seconds = 2500;
        // The cache goes by the system's clock.
        settings.auth.session_cache_ms = 0;
    })
    .await;
    let mut ann = app.user("ann").await;
    let rested = app.user("bob").await;
    for _ in 0..2 {
        app.travel(TimeDelta::seconds(990));
        let next: Token = ann.post("/login/refresh", json!({ "refresh_token": ann.refresh_token })).await.ok();
        ann = Client { refresh_token: Some(next.refresh_token), ..app.bearer(&next.access_token) };
    }
    let refresh = json!({ "refresh_token": rested.refresh_token });
    rested.post("/login/refresh", refresh).await.is_unauthorized();
    ann.get("/users/me").await.ok::<UserRead>();
    app.travel(TimeDelta::seconds(600));
    is_over(&ann).await;
}

#[tokio::test]
async fn logout_on_another_process_counts_within_a_second() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let elsewhere = Client { app: app.elsewhere().await, ..ann.clone() };
    elsewhere.get("/users/me").await.ok::<UserRead>();
    ann.send("POST".parse().unwrap(), "/logout", &[], "".into()).await.is_no_content();
    let over = async {
        while elsewhere.get("/users/me").await.status == StatusCode::OK {
            sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, over).await.expect("the logout is noticed");
    is_over(&elsewhere).await;
}

#[tokio::test]
async fn cached_session_needs_no_query() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let accounts =
        AccountContext { principals: PrincipalCache::new(1_000_000), ..(*app.state.accounts).clone() }.into();
    let ann = Client { app: build(&AppState { accounts, ..app.state.clone() }), ..ann };
    ann.get("/users/me").await.ok::<UserRead>();
    app.state.db.clone().close().await.unwrap();
    ann.get("/users/me").await.ok::<UserRead>();
    ann.get("/users/me/sessions").await.error(StatusCode::SERVICE_UNAVAILABLE);
}

/// A login may verify the old password just before it is changed.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_login_with_old_password_does_not_survive_its_change() {
    let app = TestApp::start().await;
    for round in 0..10 {
        let name = format!("ann-{round}");
        let ann = app.user(&name).await;
        let logins: Vec<_> = (0..4)
            .map(|_| {
                let (client, name) = (app.anonymous(), name.clone());
                tokio::spawn(async move {
                    let form = [("username", name.as_str()), ("password", PASSWORD)];
                    client.form("/token", &form).await
                })
            })
            .collect();
        let change = json!({ "current_password": PASSWORD, "new_password": OTHER });
        ann.patch("/users/me/password", change).await.expect(StatusCode::OK);
        for login in logins {
            let response = login.await.unwrap();
            if response.status == StatusCode::OK {
                app.bearer(&response.read::<Token>().access_token).get("/users/me").await.is_unauthorized();
            }
        }
        assert_eq!(sessions(&ann).await.count, Some(1), "round {round}");
    }
}

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("sessions-read_sessions", "", [401, 200, 200, 200]),
        row("sessions-end_session", "", [401, 204, 404, 404]),
    ],
    placeholders: &[
        Placeholder::read("{session_id}", "/users/me/sessions", "/data/0/id"),
    ],
};
