//! The keys that sign access tokens, and their rotation.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode};
use keel::core::config::AuthSettings;
use keel::schemas::user::UserRead;
use keel::server::App;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::support::app::build;
use crate::support::{Client, TestApp};

/// Made with `openssl genpkey -algorithm ed25519`, for these tests only.
pub const PRIVATE: [&str; 2] = [
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7\n-----END PRIVATE KEY-----\n",
];
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The same application on the same database, with other keys.
async fn with_keys(app: &TestApp, change: impl FnOnce(&mut AuthSettings)) -> App {
    let mut settings = (*app.state.settings).clone();
    change(&mut settings.auth);
    let db = app.database.connect().await;
    build(&keel::state::AppState::new(settings, db, app.state.accounts.clock.clone()).unwrap())
}

/// The response of the application with other keys.
async fn at(client: &Client, app: &App) -> crate::support::Response {
    Client { app: app.clone(), ..client.clone() }.get("/users/me").await
}

async fn key_set(app: &App) -> Vec<Value> {
    let set: Value = Client::new(app.clone(), None).get("/.well-known/jwks.json").await.ok();
    set["keys"].as_array().unwrap().clone()
}

#[tokio::test]
async fn rotated_secret_key_keeps_sessions() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let old = app.state.settings.auth.secret_key.clone();
    at(&ann, &with_keys(&app, |auth| auth.secret_key = SECRET.into()).await).await.is_unauthorized();
    let rotated = with_keys(&app, |auth| {
        auth.secret_key = SECRET.into();
        auth.previous_secret_keys = vec![old.expose_secret().into()];
    });
    at(&ann, &rotated.await).await.ok::<UserRead>();
}

#[tokio::test]
async fn token_verifies_with_the_published_key_set() {
    let app = TestApp::with(|settings| settings.auth.private_key = Some(PRIVATE[0].into())).await;
    let ann = app.user("ann").await;
    let [key] = &key_set(&app.app).await[..] else { panic!("one key") };
    assert_eq!(
        (&key["kty"], &key["crv"], &key["use"], &key["alg"]),
        (&json!("OKP"), &json!("Ed25519"), &json!("sig"), &json!("EdDSA"))
    );
    assert!(key.get("d").is_none(), "the private half stays");

    let token = ann.token.as_ref().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.alg, header.kid.as_deref()), (Algorithm::EdDSA, key["kid"].as_str()));
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["keel"]);
    let public = DecodingKey::from_ed_components(key["x"].as_str().unwrap()).unwrap();
    let claims = decode::<Value>(token, &public, &validation).unwrap().claims;
    assert_eq!(claims["sub"], json!(ann.id()));
    ann.get("/users/me").await.ok::<UserRead>();
}

#[tokio::test]
async fn rotated_private_key_keeps_sessions() {
    let app = TestApp::with(|settings| settings.auth.private_key = Some(PRIVATE[0].into())).await;
    let ann = app.user("ann").await;
    let x = key_set(&app.app).await[0]["x"].as_str().unwrap().to_owned();
    let forgotten = with_keys(&app, |auth| auth.private_key = Some(PRIVATE[1].into())).await;
    at(&ann, &forgotten).await.is_unauthorized();
    let rotated = with_keys(&app, |auth| {
        auth.private_key = Some(PRIVATE[1].into());
        auth.previous_public_keys = vec![x];
    })
    .await;
    at(&ann, &rotated).await.ok::<UserRead>();
    let keys = key_set(&rotated).await;
    assert!(keys.len() == 2 && keys[0]["kid"] != keys[1]["kid"]);
}

#[tokio::test]
async fn change_from_secret_to_private_key_keeps_sessions() {
    let app = TestApp::start().await;
    assert!(key_set(&app.app).await.is_empty());
    let ann = app.user("ann").await;
    let old = app.state.settings.auth.secret_key.clone();
    let without = with_keys(&app, |auth| auth.private_key = Some(PRIVATE[0].into())).await;
    at(&ann, &without).await.is_unauthorized();
    let with = with_keys(&app, |auth| {
        auth.private_key = Some(PRIVATE[0].into());
        auth.previous_secret_keys = vec![old.expose_secret().into()];
    });
    at(&ann, &with.await).await.ok::<UserRead>();
}

/// A classic attack: the public key as the secret of HS256.
#[tokio::test]
async fn public_key_as_hmac_secret_is_refused() {
    let app = TestApp::with(|settings| settings.auth.private_key = Some(PRIVATE[0].into())).await;
    let ann = app.user("ann").await;
    let key = key_set(&app.app).await[0].clone();
    let token = ann.token.as_ref().unwrap();
    let claims: Value = jsonwebtoken::dangerous::insecure_decode(token).unwrap().claims;
    let x = key["x"].as_str().unwrap();
    for secret in [x.to_owned(), key.to_string(), PRIVATE[0].to_owned()] {
        for kid in [None, key["kid"].as_str().map(str::to_owned)] {
            for alg in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let header = Header { typ: Some("at+jwt".into()), kid: kid.clone(), ..Header::new(alg) };
                let forged = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret.as_bytes()));
                app.bearer(&forged.unwrap()).get("/users/me").await.is_unauthorized();
            }
        }
    }
    // Another key of the same kind is refused as well, whatever its `kid`.
    let other = EncodingKey::from_ed_pem(PRIVATE[1].as_bytes()).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let forged = jsonwebtoken::encode(&header, &claims, &other).unwrap();
    app.bearer(&forged).get("/users/me").await.is_unauthorized();
    let good = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_pem(PRIVATE[0].as_bytes()).unwrap());
    app.bearer(&good.unwrap()).get("/users/me").await.ok::<UserRead>();
}

#[tokio::test]
async fn invalid_key_is_reported_at_startup() {
    let app = TestApp::start().await;
    for (pem, x, key) in [
        (Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"), None, "auth.private_key"),
        (Some("x"), None, "auth.private_key"),
        (None, Some("x"), "auth.previous_public_keys"),
    ] {
        let mut settings = (*app.state.settings).clone();
        settings.auth.private_key = pem.map(Into::into);
        settings.auth.previous_public_keys = x.into_iter().map(str::to_owned).collect();
        let built = keel::state::AppState::new(settings, app.state.db.clone(), app.state.accounts.clock.clone());
        let error = built.err().expect("no state");
        assert!(error.starts_with(key), "{error}");
    }
}
