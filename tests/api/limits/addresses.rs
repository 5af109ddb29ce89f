//! Limits by where a request comes from.

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::audit_event::AuditEventPage;
use keel::schemas::login::Token;

use super::{is_too_many, limited, log_in};
use crate::support::app::PASSWORD;

#[tokio::test]
async fn one_address_cannot_try_all_accounts() {
    let app = limited().await;
    let mut tried = 0;
    while log_in(&app, &format!("user-{tried}"), PASSWORD, "192.0.2.1", &[]).await.status == StatusCode::BAD_REQUEST {
        tried += 1;
    }
    // Some tries come back meanwhile.
    assert!((250..300).contains(&tried), "fifty accounts' worth, and not {tried}");
    is_too_many(&log_in(&app, "somebody", PASSWORD, "192.0.2.1", &["198.51.100.7"]).await);
    log_in(&app, "somebody", PASSWORD, "192.0.2.2", &[]).await.expect(StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn who_is_refused_by_address_uses_up_nothing_of_others() {
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
async fn only_a_proxy_of_ours_says_where_a_request_is_from() {
    let app = limited().await;
    let root = app.superuser("root").await;
    let address = async |peer: &str, forwarded: &[&str]| {
        log_in(&app, "nobody-at-all", PASSWORD, peer, forwarded).await;
        app.travel(TimeDelta::seconds(100));
        let Token { access_token, .. } = app.log_in("root", PASSWORD).await.ok();
        let page = app.bearer(&access_token).get("/audit-events?kind=login_failed&limit=1").await;
        page.ok::<AuditEventPage>().data[0].address.clone().unwrap()
    };
    assert_eq!(root.user.as_ref().unwrap().username, "root");
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
async fn one_customer_has_a_whole_network_of_ipv6() {
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
    log_in(&app, "somebody", PASSWORD, "[2001:db8:1:3::1]:80", &[]).await.expect(StatusCode::BAD_REQUEST);
}
