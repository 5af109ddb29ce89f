//! Logging in.

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::core::config::AuthSettings;
use keel::core::security::Passwords;
use keel::schemas::login::Token;
use keel::schemas::user::UserRead;
use keel::services::account::AccountContext;
use keel::state::AppState;
use serde_json::{Value, json};

use crate::permissions::{Permissions, row};
use crate::support::app::PASSWORD;
use crate::support::app::build;
use crate::support::{Client, Response, TestApp};

const ROUTES: [&str; 3] = ["/token", "/login/access-token", "/api/v1/token"];

async fn login(client: &Client, route: &str, username: &str, password: &str) -> Response {
    client.form(route, &[("grant_type", "password"), ("username", username), ("password", password)]).await
}

#[tokio::test]
async fn login_accepts_email_and_username_in_any_case() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for route in ROUTES {
        for username in ["ann", "ANN", "aNn", "ann@example.com", "ANN@EXAMPLE.COM", "Ann@Example.com"] {
            let response = login(&app.anonymous(), route, username, PASSWORD).await.expect(StatusCode::OK);
            assert_eq!(response.header("cache-control"), "no-store");
            let token: Token = response.read();
            assert_eq!((token.token_type.as_str(), token.expires_in), ("bearer", 1800));
            let me: UserRead = app.bearer(&token.access_token).get("/users/me").await.ok();
            assert_eq!(me.id, ann.id(), "{username}");
        }
    }
}

#[tokio::test]
async fn failed_login_response_is_always_the_same() {
    let app = TestApp::start().await;
    let (ann, eve, root) = (app.user("ann").await, app.user("eve").await, app.superuser("root").await);
    root.patch(&format!("/users/{}", eve.id()), json!({ "is_active": false })).await.ok::<UserRead>();
    let expected = json!({
        "error": "invalid_grant", "error_description": "Incorrect email or password", "detail": "Incorrect email or password",
    });
    let mut bodies = Vec::new();
    for route in ROUTES {
        for (username, password) in [
            ("ann", "wrong horse battery"),
            ("ann@example.com", "wrong horse battery"),
            ("ann", "Correct horse battery"),
            ("ann", "correct horse battery "),
            ("ann ", PASSWORD),
            ("eve", PASSWORD),
            ("eve", "wrong horse battery"),
            ("unknown", PASSWORD),
            ("unknown@example.com", PASSWORD),
            ("' OR 1=1 --", PASSWORD),
            ("%", PASSWORD),
            // Neither the id nor the dummy password logs in.
            (&ann.id().to_string(), PASSWORD),
            ("unknown", "unknown"),
        ] {
            let response = login(&app.anonymous(), route, username, password).await.expect(StatusCode::BAD_REQUEST);
            assert_eq!(response.read::<Value>(), expected, "{username}");
            bodies.push(response.body);
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "identical bodies");
}

/// Tested without measuring time: with a hash concurrency of 0, no login completes.
#[tokio::test]
async fn login_hashes_for_unknown_and_inactive_users_too() {
    let app = TestApp::with(|settings| settings.server.request_timeout_seconds = 1).await;
    let (eve, root) = (app.user("eve").await, app.superuser("root").await);
    app.user("ann").await;
    root.patch(&format!("/users/{}", eve.id()), json!({ "is_active": false })).await.ok::<UserRead>();
    let none = AuthSettings { hash_concurrency: 0, ..app.state.settings.auth.clone() };
    let accounts = AccountContext { passwords: Passwords::new(&none).unwrap(), ..(*app.state.accounts).clone() }.into();
    let parts = AppState { accounts, ..app.state.clone() };
    let anonymous = Client::new(build(&parts), None);
    let (known, inactive, unknown, unknown_email) = tokio::join!(
        login(&anonymous, "/token", "ann", PASSWORD),
        login(&anonymous, "/token", "eve", PASSWORD),
        login(&anonymous, "/token", "unknown", PASSWORD),
        login(&anonymous, "/token", "unknown@example.com", PASSWORD),
    );
    for response in [known, inactive, unknown, unknown_email] {
        response.error(StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn login_accepts_only_a_form() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let anonymous = app.anonymous();
    for route in ROUTES {
        let json = anonymous.post(route, json!({ "username": "ann", "password": PASSWORD })).await;
        json.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let plain = anonymous.send("POST".parse().unwrap(), route, &[], "username=ann".into()).await;
        plain.error(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        let missing = ["body.password: missing", "body.username: missing"];
        assert_eq!(anonymous.form(route, &[]).await.problems(), missing);
        assert_eq!(anonymous.form(route, &[("username", "ann")]).await.problems(), ["body.password: missing"]);
        assert_eq!(anonymous.form(route, &[("password", "x")]).await.problems(), ["body.username: missing"]);
        let twice = [("username", "ann"), ("username", "bob"), ("password", PASSWORD)];
        assert_eq!(anonymous.form(route, &twice).await.problems(), ["body.username: string_type"]);
        let other_grant = [("grant_type", "client_credentials"), ("username", "ann"), ("password", PASSWORD)];
        let refused = anonymous.form(route, &other_grant).await.expect(StatusCode::BAD_REQUEST);
        assert_eq!(refused.read::<Value>()["error"], "unsupported_grant_type");
        // Other fields of OAuth2 clients are ignored.
        let fields =
            [("username", "ann"), ("password", PASSWORD), ("scope", ""), ("client_id", "x"), ("client_secret", "")];
        anonymous.form(route, &fields).await.ok::<Token>();
    }
    for body in ["username=ann&password=%ff", "username=%c3%28&password=x", "username=ann&password=x&%ff=1"] {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let response = anonymous.send("POST".parse().unwrap(), "/token", &form, body.into()).await;
        assert_eq!(response.problems(), ["body: string_unicode"], "{body}");
    }
    // Credentials in the query are ignored, because they would end up in logs.
    let query = format!("/token?{}", "username=ann&password=correct+horse+battery");
    assert_eq!(anonymous.form(&query, &[]).await.problems().len(), 2);
}

#[tokio::test]
async fn password_may_use_any_script() {
    let app = TestApp::start().await;
    let password = "пароль 🫖 +%&=".repeat(8);
    let body = json!({ "email": "ann@example.com", "password": password });
    app.anonymous().post("/users/signup", body).await.created::<UserRead>();
    login(&app.anonymous(), "/token", "ann", &password).await.ok::<Token>();
    let cut: String = password.chars().take(72).collect();
    login(&app.anonymous(), "/token", "ann", &cut).await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn test_token_returns_the_user() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let me = ann.send("POST".parse().unwrap(), "/login/test-token", &[], "".into()).await;
    assert_eq!(Some(me.ok::<UserRead>()), ann.user);
    app.anonymous().send("POST".parse().unwrap(), "/login/test-token", &[], "".into()).await.is_unauthorized();
}

#[tokio::test]
async fn access_token_expires() {
    let app = TestApp::start().await;
    app.user("ann").await;
    // The token is verified against the system's clock, so it is issued in the past.
    let issued_before = async |age: TimeDelta| {
        app.travel(-age);
        let token: Token = login(&app.anonymous(), "/token", "ann", PASSWORD).await.ok();
        app.travel(age);
        app.bearer(&token.access_token).get("/users/me").await
    };
    issued_before(TimeDelta::seconds(1790)).await.ok::<UserRead>();
    // Clock skew of a few seconds is accepted, of thirty seconds not.
    issued_before(TimeDelta::seconds(1830)).await.is_unauthorized();
    issued_before(TimeDelta::days(1)).await.is_unauthorized();
}

const LOGIN: &str = "username=OWNER&password=correct+horse+battery";

/// Who may do what: see `permissions`.
#[rustfmt::skip]
pub const PERMISSIONS: Permissions = Permissions {
    rows: &[
        row("login-login_access_token", LOGIN, [200, 200, 200, 200]),
        row("login-token", LOGIN, [200, 200, 200, 200]),
        row("login-jwks", "", [200, 200, 200, 200]),
        row("login-authorization_server", "", [200, 200, 200, 200]),
        row("login-refresh", r#"{ "refresh_token": "REFRESH" }"#, [200, 200, 200, 200]),
        row("login-test_token", "", [401, 200, 200, 200]),
        row("login-logout", "", [401, 204, 204, 204]),
        row("login-logout_all", "", [401, 204, 204, 204]),
    ],
    placeholders: &[],
};
