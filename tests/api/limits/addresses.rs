//! Limits by where a request comes from.

use std::net::SocketAddr;

use axum::http::{Request, StatusCode};
use chrono::TimeDelta;
use keel::schemas::audit_event::AuditEventPage;
use keel::schemas::login::Token;
use keel::schemas::user::UserRead;
use keel::server::Peer;
use serde_json::json;

use super::{is_too_many, limited, log_in, post_from};
use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::redis::redis_url;

#[tokio::test]
async fn guesses_at_many_accounts_from_one_address_get_429() {
    let app = limited().await;
    let mut tried = 0;
    while log_in(&app, &format!("user-{tried}"), PASSWORD, "192.0.2.1", &[]).await.status == StatusCode::BAD_REQUEST {
        tried += 1;
    }
    // Some attempts come back meanwhile.
    assert!((250..300).contains(&tried), "the quotas of fifty accounts, not {tried}");
    is_too_many(&log_in(&app, "stranger", PASSWORD, "192.0.2.1", &["198.51.100.7"]).await);
    log_in(&app, "stranger", PASSWORD, "192.0.2.2", &[]).await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn client_over_address_limit_uses_no_quota_of_accounts() {
    let app = limited().await;
    app.user("ann").await;
    let mut number = 0;
    while log_in(&app, &format!("user-{number}"), PASSWORD, "192.0.2.1", &[]).await.status == StatusCode::BAD_REQUEST {
        number += 1;
    }
    for _ in 0..20 {
        log_in(&app, "ann", "kettle with a lid", "192.0.2.1", &[]).await;
    }
    log_in(&app, "ann", PASSWORD, "192.0.2.2", &[]).await.ok::<Token>();
}

#[tokio::test]
async fn forwarded_header_counts_only_from_trusted_proxies() {
    let app = limited().await;
    app.superuser("root").await;
    app.user("ann").await;
    let address = async |peer: &str, forwarded: &[&str]| {
        log_in(&app, "ann", "kettle with a lid", peer, forwarded).await.expect(StatusCode::BAD_REQUEST);
        app.settle().await;
        app.travel(TimeDelta::seconds(100));
        let Token { access_token, .. } = app.log_in("root", PASSWORD).await.ok();
        let page = app.bearer(&access_token).get("/audit-events?kind=login_failed&limit=1").await;
        page.ok::<AuditEventPage>().data[0].address.clone().unwrap()
    };
    for (peer, forwarded, expected) in [
        ("192.0.2.1", &[][..], "192.0.2.1"),
        ("192.0.2.1", &["198.51.100.7"], "192.0.2.1"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", &["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", &["1.1.1.1,198.51.100.7 ,10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", &["1.1.1.1", "198.51.100.7", "10.0.0.2, 10.0.0.3"], "198.51.100.7"),
        ("10.0.0.1", &["10.0.0.9"], "10.0.0.9"),
        ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", &["1.1.1.1, "], "10.0.0.1"),
        ("10.0.0.1", &["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", &["2001:db8::7, fd00::1"], "2001:db8::7"),
        ("[::ffff:10.0.0.1]:80", &["198.51.100.7"], "198.51.100.7"),
        ("[::ffff:192.0.2.1]:80", &["198.51.100.7"], "192.0.2.1"),
    ] {
        assert_eq!(address(peer, forwarded).await, expected, "{peer} {forwarded:?}");
    }
}

#[tokio::test]
async fn ipv6_clients_are_limited_per_64_network() {
    let app = limited().await;
    let mut tried = 0;
    loop {
        let peer = format!("[2001:db8:1:2::{tried:x}]:80");
        if log_in(&app, &format!("user-{tried}"), PASSWORD, &peer, &[]).await.status != StatusCode::BAD_REQUEST {
            break;
        }
        tried += 1;
    }
    assert!((250..300).contains(&tried), "{tried}");
    log_in(&app, "stranger", PASSWORD, "[2001:db8:1:3::1]:80", &[]).await.expect(StatusCode::BAD_REQUEST);
}

const HOME: &str = "192.0.2.1";
const ATTACKER: &str = "198.51.100.7";

/// Guesses ann's password from this peer until the limit is reached. Returns the number of guesses.
async fn guess(app: &TestApp, name: &str, peer: &str) -> u32 {
    let mut guesses = 0;
    while log_in(app, name, "kettle with a lid", peer, &[HOME]).await.status == StatusCode::BAD_REQUEST {
        guesses += 1;
    }
    guesses
}

#[tokio::test]
async fn guesses_from_elsewhere_do_not_lock_out_a_known_network() {
    let app = limited().await;
    app.user("ann").await;
    log_in(&app, "ann", PASSWORD, HOME, &[]).await.ok::<Token>();
    assert_eq!(guess(&app, "ann", ATTACKER).await, 5);
    is_too_many(&log_in(&app, "ann", PASSWORD, "203.0.113.9", &[]).await);
    is_too_many(&log_in(&app, "ann", PASSWORD, ATTACKER, &[HOME]).await);
    for _ in 0..10 {
        log_in(&app, "ann", PASSWORD, HOME, &[]).await.ok::<Token>();
    }
    // A known network has the same quota, and one of its own.
    assert_eq!(guess(&app, "ann", HOME).await, 5);
    is_too_many(&log_in(&app, "ann", PASSWORD, HOME, &[]).await);
    app.travel(TimeDelta::seconds(100));
    log_in(&app, "ann", PASSWORD, "203.0.113.9", &[]).await.ok::<Token>();
}

#[tokio::test]
async fn network_without_a_login_for_thirty_days_is_not_known() {
    let app = limited().await;
    app.user("ann").await;
    log_in(&app, "ann", PASSWORD, HOME, &[]).await.ok::<Token>();
    app.travel(TimeDelta::days(30));
    guess(&app, "ann", ATTACKER).await;
    is_too_many(&log_in(&app, "ann", PASSWORD, HOME, &[]).await);
}

#[tokio::test]
async fn login_makes_a_network_known_to_its_own_account_only() {
    let app = limited().await;
    app.user("ann").await;
    app.user("bob").await;
    log_in(&app, "bob", PASSWORD, ATTACKER, &[]).await.ok::<Token>();
    assert_eq!(guess(&app, "ann", ATTACKER).await, 5);
    assert_eq!(guess(&app, "unknown", ATTACKER).await, 5);
    is_too_many(&log_in(&app, "ann", PASSWORD, HOME, &[]).await);
}

#[tokio::test]
async fn known_networks_are_shared_by_processes_through_redis() {
    let Some(url) = redis_url() else { return };
    let process = async || {
        TestApp::with(|settings| {
            settings.rate_limit.enabled = true;
            settings.rate_limit.login_attempts = 5;
            settings.redis.url = Some(url.into());
        })
        .await
    };
    // Redis outlives the test.
    let name = format!("ann-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    let (one, mut other) = (process().await, process().await);
    other.app = one.elsewhere().await;
    one.user(&name).await;
    log_in(&one, &name, PASSWORD, HOME, &[]).await.ok::<Token>();
    assert_eq!(guess(&other, &name, ATTACKER).await, 5);
    is_too_many(&log_in(&one, &name, PASSWORD, ATTACKER, &[]).await);
    log_in(&other, &name, PASSWORD, HOME, &[]).await.ok::<Token>();
}

#[tokio::test]
async fn signups_over_quota_from_one_address_get_429() {
    let app = limited().await;
    let sign_up = async |number: usize, peer: &str| {
        let email = format!("user-{number}@example.com");
        post_from(&app, "/users/signup", peer, json!({ "email": email, "password": PASSWORD })).await
    };
    for number in 0..50 {
        sign_up(number, "192.0.2.1").await.created::<UserRead>();
    }
    let mut number = 50;
    // Some attempts come back meanwhile.
    while sign_up(number, "192.0.2.1").await.status == StatusCode::CREATED {
        number += 1;
    }
    assert!(number < 60, "{number}");
    is_too_many(&sign_up(1000, "192.0.2.1").await);
    sign_up(1001, "192.0.2.2").await.created::<UserRead>();
}

#[tokio::test]
async fn guesses_with_a_stolen_token_do_not_lock_the_owner_out() {
    let app = limited().await;
    app.user("ann").await;
    let token: Token = log_in(&app, "ann", PASSWORD, "192.0.2.1", &[]).await.ok();
    let change = async |current: &str, peer: &str| {
        let body = json!({ "current_password": current, "new_password": "kettle with a blue lid" });
        let request = Request::patch("/api/v1/users/me/password")
            .header("host", "testserver")
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", token.access_token))
            .extension(Peer(SocketAddr::new(peer.parse().unwrap(), 1234)));
        app.anonymous().request(request.body(body.to_string().into()).unwrap()).await
    };
    for _ in 0..5 {
        change("kettle without a lid", "192.0.2.9").await.expect(StatusCode::BAD_REQUEST);
    }
    is_too_many(&change(PASSWORD, "192.0.2.9").await);
    change(PASSWORD, "192.0.2.1").await.expect(StatusCode::OK);
}

#[tokio::test]
async fn email_and_username_of_a_user_share_a_quota() {
    let app = limited().await;
    app.user("ann").await;
    for name in ["ann", "ANN", "ann@example.com", "Ann@Example.com", "ann"] {
        log_in(&app, name, "kettle with a lid", "192.0.2.1", &[]).await.expect(StatusCode::BAD_REQUEST);
    }
    for name in ["ann", "ann@example.com"] {
        is_too_many(&log_in(&app, name, PASSWORD, "192.0.2.1", &[]).await);
    }
}
