//! Refresh tokens.

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::audit_event::AuditEventPage;
use keel::schemas::login::Token;
use keel::schemas::scope::Scopes;
use keel::schemas::user::UserRead;
use serde_json::json;

use super::{again, is_over};
use crate::support::{Client, Response, TestApp};

async fn refresh(app: &TestApp, token: &str) -> Response {
    app.anonymous().post("/login/refresh", json!({ "refresh_token": token })).await
}

fn first(client: &Client) -> String {
    client.refresh_token.clone().unwrap()
}

#[tokio::test]
async fn refresh_returns_a_new_pair() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let mut token = first(&ann);
    for _ in 0..3 {
        app.travel(TimeDelta::minutes(20));
        let next: Token = refresh(&app, &token).await.ok();
        assert_ne!(next.refresh_token, token);
        assert_eq!((next.token_type.as_str(), next.expires_in), ("bearer", 1800));
        assert_eq!(next.scope, Scopes::all().to_string());
        app.bearer(&next.access_token).get("/users/me").await.ok::<UserRead>();
        token = next.refresh_token;
    }
    // The first access token has expired, the session has not.
    ann.get("/users/me").await.is_unauthorized();
}

#[tokio::test]
async fn refresh_within_grace_returns_the_same_token() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let lost: Token = refresh(&app, &first(&ann)).await.ok();
    app.travel(TimeDelta::seconds(9));
    let again: Token = refresh(&app, &first(&ann)).await.ok();
    assert_eq!(again.refresh_token, lost.refresh_token);
    refresh(&app, &lost.refresh_token).await.ok::<Token>();
}

#[tokio::test]
async fn reused_refresh_token_ends_the_session() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    let ann = app.user("ann").await;
    let elsewhere = again(&app, &ann).await;
    let stolen = first(&ann);
    let next: Token = refresh(&app, &stolen).await.ok();
    app.travel(TimeDelta::seconds(11));
    refresh(&app, &stolen).await.is_unauthorized();
    is_over(&Client { refresh_token: Some(next.refresh_token), ..app.bearer(&next.access_token) }).await;
    elsewhere.get("/users/me").await.ok::<UserRead>();
    let events: AuditEventPage = root.get("/audit-events?kind=refresh_reused").await.ok();
    assert_eq!((events.count, events.data[0].user_id), (Some(1), Some(ann.id())));
}

#[tokio::test]
async fn refresh_token_before_the_last_ends_the_session_at_once() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let second: Token = refresh(&app, &first(&ann)).await.ok();
    let third: Token = refresh(&app, &second.refresh_token).await.ok();
    refresh(&app, &first(&ann)).await.is_unauthorized();
    refresh(&app, &third.refresh_token).await.is_unauthorized();
}

#[tokio::test]
async fn without_grace_every_reuse_ends_the_session() {
    let app = TestApp::with(|settings| settings.auth.refresh_grace_seconds = 0).await;
    let ann = app.user("ann").await;
    let next: Token = refresh(&app, &first(&ann)).await.ok();
    refresh(&app, &first(&ann)).await.is_unauthorized();
    refresh(&app, &next.refresh_token).await.is_unauthorized();
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_refreshes_return_the_same_token() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let (client, body) = (app.anonymous(), json!({ "refresh_token": first(&ann) }));
            tokio::spawn(async move { client.post("/login/refresh", body).await.ok::<Token>().refresh_token })
        })
        .collect();
    let mut tokens = Vec::new();
    for call in calls {
        tokens.push(call.await.unwrap());
    }
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "all are the same");
    refresh(&app, &tokens[0]).await.ok::<Token>();
}

#[tokio::test]
async fn malformed_refresh_tokens_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let good = first(&ann);
    for at in 0..good.len() {
        let other = if &good[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &good[..at], &good[at + 1..]);
        // The last characters belong to the second part: the token would count as reused and end the session.
        if at < 42 {
            refresh(&app, &changed).await.is_unauthorized();
        }
        refresh(&app, &good[..at.max(1)]).await.is_unauthorized();
    }
    for text in [" ", "null", "keel_x", &format!("{good}="), &format!("{good}A"), &format!(" {good}"), &"A".repeat(86)]
    {
        refresh(&app, text).await.is_unauthorized();
    }
    assert_eq!(refresh(&app, "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    refresh(&app, &good).await.ok::<Token>();
}
