//! Rate limits per account; those per address are in `addresses`.

mod addresses;

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::{Method, Request, StatusCode};
use chrono::TimeDelta;
use keel::schemas::login::Token;
use keel::schemas::message::{Health, Message};
use keel::schemas::user::UserRead;
use keel::server::Peer;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::app::PASSWORD;
use crate::support::proxy::cuttable;
use crate::support::redis::redis_url;
use crate::support::socket::TIMEOUT;
use crate::support::{Client, Response, TestApp};

async fn limited() -> TestApp {
    TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 5;
        settings.rate_limit.login_window_seconds = 100;
        settings.server.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()];
    })
    .await
}

/// A login over a connection from this peer, through the proxies in `forwarded`.
async fn log_in(app: &TestApp, username: &str, password: &str, peer: &str, forwarded: &[&str]) -> Response {
    let fields = [("username", username), ("password", password)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = Request::post("/token")
        .header("host", "testserver")
        .header("content-type", "application/x-www-form-urlencoded");
    for line in forwarded {
        request = request.header("x-forwarded-for", *line);
    }
    let peer = peer.parse().map_or_else(|_| peer.parse::<SocketAddr>().unwrap(), |ip| SocketAddr::new(ip, 1234));
    let request = request.extension(Peer(peer)).body(body.into()).unwrap();
    app.anonymous().request(request).await
}

/// A JSON request over a connection from this peer.
async fn post_from(app: &TestApp, path: &str, peer: &str, body: Value) -> Response {
    let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 1234));
    let request = Request::post(format!("/api/v1{path}"))
        .header("host", "testserver")
        .header("content-type", "application/json")
        .extension(peer)
        .body(body.to_string().into())
        .unwrap();
    app.anonymous().request(request).await
}

#[track_caller]
fn is_too_many(response: &Response) -> i64 {
    assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.header("ratelimit-remaining"), "0");
    assert!(response.header("ratelimit-limit").parse::<u32>().unwrap() > 0);
    assert!(response.header("ratelimit-reset").parse::<u32>().unwrap() > 0);
    let seconds = response.header("retry-after").parse().unwrap();
    assert!(seconds > 0);
    seconds
}

#[tokio::test]
async fn guesses_get_429_whether_or_not_the_account_exists() {
    let app = limited().await;
    app.user("ann").await;
    app.user("carol").await;
    for name in ["ann", "carol@example.com", "unknown", "unknown@example.com"] {
        let mut responses = Vec::new();
        for _ in 0..7 {
            responses.push(app.log_in(name, "kettle with a lid").await.status.as_u16());
        }
        assert_eq!(responses, [400, 400, 400, 400, 400, 429, 429], "{name}");
        assert_eq!(app.log_in(&name.to_uppercase(), PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    // Other accounts are not affected.
    app.user("bob").await;
    app.log_in("bob", PASSWORD).await.ok::<Token>();
}

#[tokio::test]
async fn limited_login_succeeds_after_retry_after() {
    let app = limited().await;
    app.user("ann").await;
    for _ in 0..5 {
        app.log_in("ann", "kettle with a lid").await.expect(StatusCode::BAD_REQUEST);
    }
    let wait = is_too_many(&app.log_in("ann", PASSWORD).await);
    assert_eq!(wait, 20, "one attempt comes back every window / attempts");
    app.travel(TimeDelta::seconds(wait));
    app.log_in("ann", PASSWORD).await.ok::<Token>();
}

#[tokio::test]
async fn correct_logins_use_no_quota() {
    let app = limited().await;
    app.user("ann").await;
    for _ in 0..20 {
        app.log_in("ann", PASSWORD).await.ok::<Token>();
    }
}

#[tokio::test]
async fn right_passwords_use_no_quota_when_the_request_fails_otherwise() {
    let app = limited().await;
    let (ann, _bob) = (app.user("ann").await, app.user("bob").await);
    for _ in 0..10 {
        let weak = json!({ "current_password": PASSWORD, "new_password": "password1" });
        assert_eq!(ann.patch("/users/me/password", weak).await.problems(), ["body.new_password: value_error"]);
        let taken = json!({ "current_password": PASSWORD, "username": "bob" });
        ann.patch("/users/me", taken).await.error(StatusCode::CONFLICT);
    }
    app.log_in("ann", PASSWORD).await.ok::<Token>();
}

// only with jobs
#[tokio::test]
async fn logins_before_the_email_is_verified_use_no_quota() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.auth.require_verified_email = true;
    })
    .await;
    let body = json!({ "email": "ann@example.com", "username": "ann", "password": PASSWORD });
    app.anonymous().post("/users/signup", body).await.created::<UserRead>();
    for _ in 0..12 {
        app.log_in("ann", PASSWORD).await.expect(StatusCode::BAD_REQUEST);
    }
    let body = json!({ "token": app.outbox.token("ann@example.com").await });
    app.anonymous().post("/verify-email", body).await.ok::<Message>();
    app.log_in("ann", PASSWORD).await.ok::<Token>();
}

// only with jobs
#[tokio::test]
async fn saving_the_current_email_uses_no_mail_quota() {
    let app = limited().await;
    let ann = app.user("ann").await;
    for age in 0..12 {
        ann.patch("/users/me", json!({ "email": "ann@example.com", "age": age })).await.ok::<UserRead>();
    }
    app.anonymous().post("/password-recovery", json!({ "email": "ann@example.com" })).await.ok::<Message>();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_correct_logins_beyond_quota_get_429_and_leave_quota_full() {
    let app = limited().await;
    app.user("ann").await;
    let logins: Vec<_> = (0..50)
        .map(|_| {
            let client = app.anonymous();
            tokio::spawn(
                async move { client.form("/token", &[("username", "ann"), ("password", PASSWORD)]).await.status },
            )
        })
        .collect();
    let mut succeeded = 0;
    for login in logins {
        let status = login.await.unwrap();
        assert!(matches!(status, StatusCode::OK | StatusCode::TOO_MANY_REQUESTS), "{status}");
        succeeded += u32::from(status == StatusCode::OK);
    }
    assert!(succeeded >= app.state.settings.rate_limit.login_attempts, "{succeeded}");
    for _ in 0..20 {
        app.log_in("ann", PASSWORD).await.ok::<Token>();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_guesses_are_counted_before_their_responses() {
    let app = limited().await;
    app.user("ann").await;
    let guesses: Vec<_> = (0..50)
        .map(|number| {
            let client = app.anonymous();
            tokio::spawn(async move {
                let password = format!("kettle number {number}");
                client.form("/token", &[("username", "ann"), ("password", &password)]).await.status
            })
        })
        .collect();
    let mut tried = 0;
    for guess in guesses {
        tried += usize::from(guess.await.unwrap() == StatusCode::BAD_REQUEST);
    }
    assert_eq!(tried, 5);
}

#[tokio::test]
async fn guesses_with_a_stolen_token_get_429() {
    let app = limited().await;
    let ann = app.user("ann").await;
    let guess = json!({ "current_password": "kettle without a lid", "new_password": "kettle with a lid" });
    for _ in 0..5 {
        ann.patch("/users/me/password", guess.clone()).await.error(StatusCode::BAD_REQUEST);
    }
    is_too_many(&ann.patch("/users/me/password", guess).await);
}

// only with jobs
#[tokio::test]
async fn mail_requests_over_quota_get_429() {
    let app = limited().await;
    app.user("ann").await;
    for email in ["ann@example.com", "unknown@example.com"] {
        for _ in 0..5 {
            app.anonymous().post("/password-recovery", json!({ "email": email })).await.ok::<Message>();
        }
        is_too_many(&app.anonymous().post("/password-recovery", json!({ "email": email })).await);
        is_too_many(&app.anonymous().post("/email-verification", json!({ "email": email })).await);
        let path = format!("/password-recovery/{}", email.to_uppercase());
        is_too_many(&app.anonymous().send(Method::POST, &path, &[], "".into()).await);
    }
}

#[tokio::test]
async fn signups_and_refreshes_over_quota_get_429() {
    let app = limited().await;
    let body = json!({ "email": "ann@example.com", "username": "ann", "password": PASSWORD });
    app.anonymous().post("/users/signup", body.clone()).await.created::<UserRead>();
    for _ in 0..49 {
        app.anonymous().post("/users/signup", body.clone()).await.error(StatusCode::CONFLICT);
    }
    is_too_many(&app.anonymous().post("/users/signup", body).await);

    let bob = app.user("bob").await;
    let good = bob.refresh_token.clone().unwrap();
    let used = format!("{}{}", &good[..43], "A".repeat(43));
    app.anonymous().post("/login/refresh", json!({ "refresh_token": used })).await.is_unauthorized();
    for _ in 0..49 {
        app.anonymous().post("/login/refresh", json!({ "refresh_token": good })).await.is_unauthorized();
    }
    is_too_many(&app.anonymous().post("/login/refresh", json!({ "refresh_token": good })).await);
}

#[tokio::test]
async fn requests_over_rate_get_429_when_configured() {
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.requests_per_second = 2;
        settings.rate_limit.burst = 4;
    })
    .await;
    let get = async |path: &str, peer: &str| {
        let peer = Peer(SocketAddr::new(peer.parse().unwrap(), 80));
        let request = Request::get(path).header("host", "testserver").header("origin", "https://app.example.com");
        let client: Client = app.anonymous();
        client.request(request.extension(peer).body("".into()).unwrap()).await
    };
    for remaining in ["3", "2", "1", "0"] {
        let response = get("/", "192.0.2.1").await.expect(StatusCode::OK);
        assert_eq!((response.header("ratelimit-limit"), response.header("ratelimit-remaining")), ("4", remaining));
    }
    let refused = get("/nowhere", "192.0.2.1").await;
    assert_eq!(is_too_many(&refused), 1);
    assert_eq!(refused.header("access-control-allow-origin"), "https://app.example.com");
    assert_eq!(refused.error(StatusCode::TOO_MANY_REQUESTS), "Too many requests");
    get("/", "192.0.2.2").await.expect(StatusCode::OK);
    get("/health/live", "192.0.2.1").await.expect(StatusCode::OK);
    app.travel(TimeDelta::milliseconds(500));
    get("/", "192.0.2.1").await.expect(StatusCode::OK);
    is_too_many(&get("/", "192.0.2.1").await);
}

#[tokio::test]
async fn prefix_separates_limits_on_one_redis() {
    let Some(url) = redis_url() else { return };
    let with_prefix = async |prefix: &str| {
        TestApp::with(|settings| {
            settings.rate_limit.enabled = true;
            settings.rate_limit.login_attempts = 1;
            settings.redis.url = Some(url.into());
            settings.redis.prefix = prefix.to_owned();
        })
        .await
    };
    // Redis outlives the test.
    let name = uuid::Uuid::new_v4().to_string();
    let (staging, production) = (with_prefix("staging").await, with_prefix("production").await);
    staging.log_in(&name, PASSWORD).await.expect(StatusCode::BAD_REQUEST);
    is_too_many(&staging.log_in(&name, PASSWORD).await);
    production.log_in(&name, PASSWORD).await.expect(StatusCode::BAD_REQUEST);
    is_too_many(&with_prefix("production").await.log_in(&name, PASSWORD).await);
}

#[tokio::test]
async fn limits_fall_back_to_memory_while_redis_is_down() {
    let Some(url) = redis_url() else { return };
    let server = url.trim_start_matches("redis://").trim_end_matches('/').to_owned();
    let (address, is_open) = cuttable(server).await;
    let app = TestApp::with(|settings| {
        settings.rate_limit.enabled = true;
        settings.rate_limit.login_attempts = 5;
        settings.redis.url = Some(format!("redis://{address}").into());
    })
    .await;
    let statuses = async |name: &str| {
        let mut statuses = Vec::new();
        for _ in 0..6 {
            statuses.push(app.log_in(name, PASSWORD).await.status.as_u16());
        }
        statuses
    };
    let becomes = async |expected: &str| {
        let polled = async {
            while app.anonymous().get("/health/ready").await.ok::<Health>().status != expected {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(TIMEOUT, polled).await.unwrap_or_else(|_| panic!("readiness does not become {expected}"));
    };
    // Redis outlives the test.
    let [first, second, third] = [(); 3].map(|()| uuid::Uuid::new_v4().to_string());
    assert_eq!(statuses(&first).await, [400, 400, 400, 400, 400, 429]);
    becomes("ok").await;

    is_open.send(false).unwrap();
    assert_eq!(statuses(&second).await, [400, 400, 400, 400, 400, 429]);
    becomes("degraded").await;

    is_open.send(true).unwrap();
    becomes("ok").await;
    assert_eq!(statuses(&third).await, [400, 400, 400, 400, 400, 429]);
}
