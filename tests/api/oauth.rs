//! What OAuth2 clients rely on: the refresh at the token endpoint (RFC 6749, section 6) and the metadata (RFC 8414).

use axum::http::StatusCode;
use chrono::TimeDelta;
use keel::schemas::login::Token;
use keel::schemas::user::UserRead;
use serde_json::{Value, json};

use crate::signing_keys::PRIVATE;
use crate::support::app::PASSWORD;
use crate::support::{Response, TestApp};

const ROUTES: [&str; 3] = ["/token", "/login/access-token", "/api/v1/token"];
const METADATA: &str = "/.well-known/oauth-authorization-server";

async fn refresh(app: &TestApp, route: &str, token: &str) -> Response {
    app.anonymous().form(route, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

/// The error code of RFC 6749, whose text is in both shapes.
fn oauth_error(response: Response) -> String {
    assert_eq!(response.header("cache-control"), "no-store");
    let body: Value = response.expect(StatusCode::BAD_REQUEST).read();
    assert_eq!(body["error_description"], body["detail"]);
    body["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn refresh_grant_returns_the_next_pair() {
    let app = TestApp::start().await;
    for route in ROUTES {
        let ann = app.user(&format!("ann{}", route.len())).await;
        let mut token = ann.refresh_token.clone().unwrap();
        for _ in 0..2 {
            app.travel(TimeDelta::minutes(20));
            let response = refresh(&app, route, &token).await.expect(StatusCode::OK);
            assert_eq!(response.header("cache-control"), "no-store");
            let next: Token = response.read();
            assert_eq!((next.token_type.as_str(), next.expires_in), ("bearer", 1800));
            assert_ne!(next.refresh_token, token);
            let me: UserRead = app.bearer(&next.access_token).get("/users/me").await.ok();
            assert_eq!(me.id, ann.id());
            token = next.refresh_token;
        }
    }
}

#[tokio::test]
async fn refresh_grant_keeps_the_scope_of_the_login() {
    let app = TestApp::start().await;
    app.user("ann").await;
    let login = [("username", "ann"), ("password", PASSWORD), ("scope", "users")];
    let token: Token = app.anonymous().form("/token", &login).await.ok();
    let fields =
        [("grant_type", "refresh_token"), ("refresh_token", &token.refresh_token), ("scope", "me"), ("client_id", "x")];
    let next: Token = app.anonymous().form("/token", &fields).await.ok();
    assert_eq!(next.scope, "users");
}

#[tokio::test]
async fn refresh_grant_refuses_unknown_spent_and_expired_tokens_with_invalid_grant() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let used = ann.refresh_token.clone().unwrap();
    let next: Token = refresh(&app, "/token", &used).await.ok();
    app.travel(TimeDelta::seconds(11));
    for token in [&used, &next.refresh_token, "unknown", &next.access_token[..200]] {
        assert_eq!(oauth_error(refresh(&app, "/token", token).await), "invalid_grant", "{token}");
    }
    app.travel(TimeDelta::days(15));
    let expired = bob.refresh_token.clone().unwrap();
    assert_eq!(oauth_error(refresh(&app, "/token", &expired).await), "invalid_grant");
}

#[tokio::test]
async fn malformed_refresh_is_an_invalid_request() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let token = ann.refresh_token.clone().unwrap();
    let too_long = "x".repeat(256);
    for fields in [
        &[("grant_type", "refresh_token")][..],
        &[("grant_type", "refresh_token"), ("refresh_token", "")],
        &[("grant_type", "refresh_token"), ("refresh_token", &too_long)],
        &[("grant_type", "refresh_token"), ("refresh_token", &token), ("refresh_token", &token)],
        &[("refresh_token", &token)],
    ] {
        assert_eq!(oauth_error(app.anonymous().form("/token", fields).await), "invalid_request", "{fields:?}");
    }
    // The token was not used.
    refresh(&app, "/token", &token).await.ok::<Token>();
}

#[tokio::test]
async fn unknown_grant_is_an_unsupported_grant_type() {
    let app = TestApp::start().await;
    for grant in ["authorization_code", "client_credentials", "PASSWORD", "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    {
        let response = app.anonymous().form("/token", &[("grant_type", grant)]).await;
        assert_eq!(oauth_error(response), "unsupported_grant_type", "{grant}");
    }
}

#[tokio::test]
async fn refresh_grant_is_limited_like_the_refresh_route() {
    let app = TestApp::with(|settings| settings.rate_limit.enabled = true).await;
    let ann = app.user("ann").await;
    let used = ann.refresh_token.clone().unwrap();
    refresh(&app, "/token", &used).await.ok::<Token>();
    app.travel(TimeDelta::seconds(11));
    let mut last = StatusCode::OK;
    for _ in 0..110 {
        last = refresh(&app, "/token", &used).await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn metadata_names_what_the_server_serves() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let metadata: Value = app.anonymous().get(METADATA).await.ok();
    assert_eq!(metadata["issuer"], "http://testserver");
    assert_eq!(metadata["grant_types_supported"], json!(["password", "refresh_token"]));
    assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["none"]));
    assert_eq!(metadata["response_types_supported"], json!([]));
    // Tokens are signed with a secret, so there are no public keys.
    assert!(metadata.get("jwks_uri").is_none());
    let path = metadata["token_endpoint"].as_str().unwrap().strip_prefix("http://testserver").unwrap().to_owned();
    let token: Token = refresh(&app, &path, ann.refresh_token.as_ref().unwrap()).await.ok();
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(&token.access_token).unwrap().claims;
    assert_eq!(claims["iss"], metadata["issuer"]);
    for scope in metadata["scopes_supported"].as_array().unwrap() {
        let form = [("username", "ann"), ("password", PASSWORD), ("scope", scope.as_str().unwrap())];
        app.anonymous().form(&path, &form).await.ok::<Token>();
    }
    let docs =
        metadata["service_documentation"].as_str().unwrap().strip_prefix("http://testserver").unwrap().to_owned();
    app.anonymous().get(&docs).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn metadata_is_missing_without_a_public_url_or_with_another_issuer() {
    let without = TestApp::with(|settings| settings.server.public_url = None).await;
    without.anonymous().get(METADATA).await.is_not_found();
    let other = TestApp::with(|settings| settings.auth.issuer = "https://elsewhere.example".to_owned()).await;
    other.anonymous().get(METADATA).await.is_not_found();
}

#[tokio::test]
async fn metadata_names_the_public_keys_when_there_are_any() {
    let app = TestApp::with(|settings| settings.auth.private_key = Some(PRIVATE[0].to_owned().into())).await;
    let metadata: Value = app.anonymous().get(METADATA).await.ok();
    let path = metadata["jwks_uri"].as_str().unwrap().strip_prefix("http://testserver").unwrap().to_owned();
    let keys: Value = app.anonymous().get(&path).await.ok();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
}
