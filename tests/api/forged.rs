//! Forged and misused secrets, sent wherever a secret is accepted.

use std::collections::HashSet;

use axum::http::StatusCode;
use jsonwebtoken::Algorithm;
use keel::core::security::API_KEY_PREFIX;
use keel::schemas::api_key::ApiKeyCreated;
use keel::schemas::login::Token;
use keel::schemas::scope::Scopes;
use keel::schemas::user::UserRead;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::document::operations;
use crate::support::forgery::Forgery;
use crate::support::{Client, TestApp};

/// Tokens like those of this user, each wrong in one point.
fn forgeries(client: &Client) -> Vec<String> {
    let good = || Forgery::of(client);
    let now = jsonwebtoken::get_current_timestamp();
    let mut tokens = Vec::new();
    for name in
        ["none", "None", "NONE", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
    {
        let token = good().header("alg", json!(name)).sign();
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        tokens.extend([unsigned.to_owned(), format!("{unsigned}."), token.clone()]);
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        tokens.push(good().algorithm(algorithm).sign());
        tokens.push(good().header("alg", json!(format!("{algorithm:?}"))).algorithm(algorithm).sign());
    }
    for key in ["", "secret", "changethis", "keel", "null", "0", "password", "your-256-bit-secret"] {
        tokens.push(good().key(key).sign());
    }
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("kid", json!("1")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' UNION SELECT 'x' --")),
        ("jwk", json!({ "kty": "oct", "k": "c2VjcmV0" })),
        ("jku", json!("https://example.com/keys")),
        ("x5u", json!("https://example.com/key")),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
    ] {
        tokens.push(good().header(name, value).sign());
    }
    for name in ["typ", "iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid", "scope"] {
        tokens.push(good().without(name).sign());
        for value in [json!(null), json!(true), json!([]), json!({}), json!(""), json!("x"), json!(-1), json!(1e300)] {
            if name != "typ" {
                tokens.push(good().claim(name, value).sign());
            }
        }
    }
    for (name, value) in [
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("nbf", json!(now + 60)),
        ("iat", json!(now + 60)),
        ("iss", json!("KEEL")),
        ("aud", json!("keel ")),
        ("aud", json!(["stranger"])),
        ("sub", json!(Uuid::now_v7())),
        ("sub", json!("admin")),
        ("sid", json!(Uuid::now_v7())),
        ("sid", json!(Uuid::nil())),
        ("scope", json!("me")),
    ] {
        tokens.push(good().claim(name, value).sign());
    }
    let token = client.token.as_ref().unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    tokens.extend([
        message.to_owned(),
        format!("{message}."),
        format!("{claims}.{header}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{claims}.{claims}"),
        format!("{token}.{signature}"),
        format!("{message}.{}", signature.to_lowercase()),
        "null".to_owned(),
        "undefined".to_owned(),
        "[object Object]".to_owned(),
        format!("{API_KEY_PREFIX}{signature}"), // only with api_keys
    ]);
    for at in (0..token.len()).step_by(7) {
        tokens.push(format!("{}{}", &token[..at], &token[at + 1..]));
    }
    tokens
}

#[tokio::test]
async fn forged_tokens_get_401_from_every_operation() {
    let app = TestApp::start().await;
    let root = app.superuser("root").await;
    app.bearer(&Forgery::of(&root).sign()).get("/users/me").await.ok::<UserRead>();
    let forged: HashSet<String> = forgeries(&root).into_iter().collect();
    assert!(forged.len() >= 200, "{}", forged.len());
    let protected: Vec<_> = operations().filter(|operation| operation.value.get("security").is_some()).collect();
    assert!(protected.len() >= 10);
    for operation in protected {
        let path = operation.path.split('/');
        let path = path.map(|part| if part.starts_with('{') { Uuid::nil().to_string() } else { part.to_owned() });
        let path = path.collect::<Vec<_>>().join("/");
        for token in &forged {
            let response = app.bearer(token).send(operation.method.clone(), &path, &[], "".into()).await;
            let what = &operation.value["operationId"];
            assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{what} with {token}");
        }
    }
    root.get("/users/me").await.ok::<UserRead>();
}

/// What the secret works as.
async fn uses(app: &TestApp, secret: &str) -> Vec<&'static str> {
    let anonymous = app.anonymous();
    // only with jobs
    let reset = json!({ "token": secret, "new_password": "kettle with a lid" });
    let responses = [
        ("bearer token", app.bearer(secret).get("/users").await),
        // only with api_keys
        ("API key", anonymous.send("GET".parse().unwrap(), "/users", &[("x-api-key", secret)], "".into()).await),
        ("refresh token", anonymous.post("/login/refresh", json!({ "refresh_token": secret })).await),
        // only with jobs
        ("link to verify", anonymous.post("/verify-email", json!({ "token": secret })).await),
        ("link to reset", anonymous.post("/reset-password", reset).await), // only with jobs
    ];
    for (_, response) in &responses {
        let known =
            [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED, StatusCode::UNPROCESSABLE_ENTITY];
        assert!(known.contains(&response.status), "{}", response.status);
    }
    responses
        .into_iter()
        .filter(|(_, response)| response.status == StatusCode::OK)
        .map(|(purpose, _)| purpose)
        .collect()
}

#[tokio::test]
async fn each_secret_works_for_its_own_purpose_only() {
    let app = TestApp::start().await;
    // Each secret is of a user of its own, because a use may end the others.
    let (ann, eve) = (app.superuser("ann").await, app.superuser("eve").await);
    assert_eq!(uses(&app, &ann.token.unwrap()).await, ["bearer token"]);
    assert_eq!(uses(&app, &eve.refresh_token.unwrap()).await, ["refresh token"]);
    // only with jobs: begin
    let link = async |name: &str, path: &str| {
        let email = json!({ "email": format!("{name}@example.org") });
        app.superuser(name).await.patch("/users/me", email.clone()).await.ok::<UserRead>();
        app.anonymous().post(path, email).await.expect(StatusCode::OK);
        app.outbox.token(&format!("{name}@example.org")).await
    };
    assert_eq!(uses(&app, &link("max", "/email-verification").await).await, ["link to verify"]);
    assert_eq!(uses(&app, &link("zoe", "/password-recovery").await).await, ["link to reset"]);
    // only with jobs: end
}

// only with api_keys
#[tokio::test]
async fn api_key_works_as_bearer_token_and_in_its_own_header() {
    let app = TestApp::start().await;
    let body = json!({ "name": "ci", "scope": "users" });
    let key: ApiKeyCreated = app.superuser("bob").await.post("/users/me/api-keys", body).await.created();
    assert_eq!(uses(&app, &key.key).await, ["bearer token", "API key"]);
}

/// Hashes may leak from the database.
#[tokio::test]
async fn stored_hashes_are_no_secrets() {
    use sea_orm::EntityTrait;

    let app = TestApp::start().await;
    app.user("ann").await;
    // only with jobs: begin
    let ann = json!({ "email": "ann@example.com" });
    app.anonymous().post("/password-recovery", ann).await.expect(StatusCode::OK);
    app.outbox.token("ann@example.com").await;
    // only with jobs: end
    let db = &app.state.db;
    let session = keel::entities::session::Entity::find().one(db).await.unwrap().unwrap();
    // only with jobs
    let link = keel::entities::email_token_hash::Entity::find().one(db).await.unwrap().unwrap();
    let both = format!("{}{}", session.family_hash, session.refresh_hash);
    for text in [
        session.family_hash,
        session.refresh_hash,
        both,
        session.id.to_string(),
        link.token_hash,                 // only with jobs
        link.email_token_id.to_string(), // only with jobs
    ] {
        assert!(uses(&app, &text).await.is_empty(), "{text}");
    }
}

// only with api_keys
#[tokio::test]
async fn stored_hash_of_an_api_key_is_no_secret() {
    use sea_orm::EntityTrait;

    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    ann.post("/users/me/api-keys", json!({ "name": "ci", "scope": "users" })).await.created::<ApiKeyCreated>();
    let key = keel::entities::api_key::Entity::find().one(&app.state.db).await.unwrap().unwrap();
    for text in [format!("{API_KEY_PREFIX}{}", key.key_hash), key.key_hash, key.id.to_string()] {
        assert!(uses(&app, &text).await.is_empty(), "{text}");
    }
}

#[tokio::test]
async fn undocumented_members_set_nothing() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let forbidden = json!({
        "id": bob.id(), "user_id": bob.id(), "owner_id": bob.id(), "is_superuser": true, "is_active": false,
        "hashed_password": "$argon2id$", "email_verified": true, "created_at": "2000-01-01T00:00:00Z",
        "scopes": "users", "session_id": bob.id(), "role": "admin",
    });
    let with = |body: Value| {
        let mut all = forbidden.clone();
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        all
    };
    let is_unharmed = |user: &UserRead| !user.is_superuser && user.is_active && user.id != bob.id();

    let body = json!({ "email": "new@example.com", "password": "kettle with a lid" });
    let new: UserRead = app.anonymous().post("/users/signup", with(body)).await.created();
    assert!(is_unharmed(&new));
    assert!(is_unharmed(&ann.patch("/users/me", with(json!({ "age": 7 }))).await.ok()));
    let body = json!({ "current_password": "correct horse battery", "new_password": "kettle with a lid" });
    ann.patch("/users/me/password", with(body)).await.expect(StatusCode::OK);
    let refresh = with(json!({ "refresh_token": ann.refresh_token }));
    let token: Token = app.anonymous().post("/login/refresh", refresh).await.ok();
    assert_eq!(token.scope, Scopes::all().to_string());
    // only with api_keys: begin
    let body = with(json!({ "name": "ci", "scope": "users" }));
    let key: ApiKeyCreated = ann.post("/users/me/api-keys", body).await.created();
    assert_eq!(key.api_key.scope, "users");
    // only with api_keys: end
    // only with jobs: begin
    ann.post("/password-recovery", with(json!({ "email": "ann@example.com" }))).await.expect(StatusCode::OK);
    let link = app.outbox.token("ann@example.com").await;
    let body = with(json!({ "token": link, "new_password": "kettle with a lid" }));
    ann.post("/reset-password", body).await.expect(StatusCode::OK);
    // only with jobs: end
    let login: Token = app.log_in("ann", "kettle with a lid").await.ok();
    let me: UserRead = app.bearer(&login.access_token).get("/users/me").await.ok();
    assert!(is_unharmed(&me) && me.created_at == ann.user.unwrap().created_at);
    let bob: UserRead = bob.get("/users/me").await.ok();
    assert!(bob.is_active);
}
