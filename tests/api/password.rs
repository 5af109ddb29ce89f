//! Password rules and hashes.

use axum::http::StatusCode;
use keel::core::security::{Passwords, Verdict};
use keel::entities::user::{ActiveModel, Entity};
use keel::schemas::login::Token;
use keel::schemas::user::UserRead;
use keel::services::account::AccountContext;
use keel::state::AppState;
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::app::build;
use crate::support::{Client, TestApp};

async fn sign_up(app: &TestApp, password: &str) -> crate::support::Response {
    let body = json!({
        "email": "zoe.miller@example.com", "username": "zoemiller", "full_name": "Zoe Miller", "password": password,
    });
    app.anonymous().post("/users/signup", body).await
}

/// The stored hash of the user.
async fn hash(app: &TestApp, client: &Client) -> String {
    Entity::find_by_id(client.id()).one(&app.state.db).await.unwrap().unwrap().hashed_password
}

async fn store(app: &TestApp, client: &Client, hash: &str) {
    let user = Entity::find_by_id(client.id()).one(&app.state.db).await.unwrap().unwrap();
    let change = ActiveModel { hashed_password: Set(hash.to_owned()), ..user.into_active_model() };
    Entity::update(change).exec_without_returning(&app.state.db).await.unwrap();
}

#[tokio::test]
async fn common_password_is_rejected() {
    let app = TestApp::start().await;
    for password in [
        "password",
        "password1",
        "Password123",
        "12345678",
        "qwertyuiop",
        "iloveyou",
        "letmein1",
        "aaaaaaaa",
        "P@ssw0rd",
    ] {
        assert_eq!(sign_up(&app, password).await.problems(), ["body.password: value_error"], "{password}");
    }
}

#[tokio::test]
async fn password_with_own_name_or_email_is_rejected() {
    let app = TestApp::start().await;
    for password in
        ["zoe.miller@example.com", "ZOE.MILLER@EXAMPLE.COM!", "zoemiller-x7q", "x7qkMILLERv2w", "Miller and a kettle"]
    {
        let response = sign_up(&app, password).await;
        let body: Value = response.read();
        let expected = "Value error, The password must not contain your name or email";
        assert_eq!(body["detail"][0]["msg"], expected, "{password}");
        assert_eq!(response.problems(), ["body.password: value_error"]);
    }
    let zoe: UserRead = sign_up(&app, PASSWORD).await.created();
    let token: Token = app.log_in("zoemiller", PASSWORD).await.ok();
    let change = json!({ "current_password": PASSWORD, "new_password": "a miller's kettle" });
    let problems = app.bearer(&token.access_token).patch("/users/me/password", change).await.problems();
    assert_eq!(problems, ["body.new_password: value_error"]);
    let root = app.superuser("root").await;
    let problems = root.patch(&format!("/users/{}", zoe.id), json!({ "password": "password1" })).await.problems();
    assert_eq!(problems, ["body.password: value_error"]);
}

#[tokio::test]
async fn strength_is_checked_of_the_normalised_password() {
    let app = TestApp::start().await;
    // Letters of full width, which are hashed as plain ones.
    let wide = |text: &str| text.chars().map(|c| char::from_u32(c as u32 + 0xFEE0).unwrap()).collect::<String>();
    for password in ["password1", "qwerty123456", "zoemiller-x7q"] {
        assert_eq!(sign_up(&app, &wide(password)).await.problems(), ["body.password: value_error"], "{password}");
    }
    let ann = app.user("ann").await;
    let change = json!({ "current_password": "correct horse battery", "new_password": "correct\u{2003}horse battery" });
    assert_eq!(ann.patch("/users/me/password", change).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn password_with_a_name_that_is_set_with_it_is_rejected() {
    let app = TestApp::start().await;
    let (ann, root) = (app.user("ann").await, app.superuser("root").await);
    for own in [
        json!({ "full_name": "Rhinoceros Jones" }),
        json!({ "username": "rhinoceros" }),
        json!({ "email": "rhinoceros@example.com" }),
    ] {
        let mut change = own.clone();
        change["password"] = "Rhinoceros-x9".into();
        let problems = root.patch(&format!("/users/{}", ann.id()), change).await.problems();
        assert_eq!(problems, ["body.password: value_error"], "{own}");
    }
}

#[tokio::test]
async fn password_min_length_is_configurable() {
    let app = TestApp::with(|settings| settings.auth.password_min_length = 12).await;
    let response = sign_up(&app, "q7kv2w9z4xm").await;
    assert_eq!(response.read::<Value>()["detail"][0]["ctx"]["min_length"], 12);
    assert_eq!(response.problems(), ["body.password: string_too_short"]);
    sign_up(&app, "q7kv2w9z4xm8").await.created::<UserRead>();
}

#[tokio::test]
async fn equivalent_unicode_passwords_match() {
    let app = TestApp::start().await;
    // é as one code point and as two.
    sign_up(&app, "th\u{e9}i\u{e8}re bleue").await.created::<UserRead>();
    app.log_in("zoemiller", "the\u{301}ie\u{300}re bleue").await.ok::<Token>();
    assert_eq!(app.log_in("zoemiller", "theiere bleue").await.status, StatusCode::BAD_REQUEST);
}

/// In the formats of passlib and others: imported users keep their passwords.
#[tokio::test]
async fn bcrypt_hash_is_verified_and_replaced_at_login() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for prefix in ["$2b$", "$2a$", "$2y$"] {
        let salted = bcrypt::hash_with_salt("old kettle", 4, [7; 16]).unwrap().to_string();
        store(&app, &ann, &format!("{prefix}{}", &salted[4..])).await;
        assert_eq!(app.log_in("ann", "old kettlE").await.status, StatusCode::BAD_REQUEST);
        assert!(hash(&app, &ann).await.starts_with(prefix), "a wrong password does not replace the hash");
        app.log_in("ann", "old kettle").await.ok::<Token>();
        assert!(hash(&app, &ann).await.starts_with("$argon2id$"), "{prefix}");
        app.log_in("ann", "old kettle").await.ok::<Token>();
    }
}

/// bcrypt uses only the first 72 bytes: a new hash of a mistyped end would lock the user out.
#[tokio::test]
async fn bcrypt_hash_of_a_long_password_is_kept_at_login() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let long = "0123456789".repeat(8);
    let salted = bcrypt::hash_with_salt(&long, 4, [7; 16]).unwrap().to_string();
    store(&app, &ann, &salted).await;
    for password in [&format!("{long}x"), &long, &long[..72]] {
        app.log_in("ann", password).await.ok::<Token>();
        assert_eq!(hash(&app, &ann).await, salted);
    }
    assert_eq!(app.log_in("ann", &long[..71]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_succeed_while_the_hash_is_replaced() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    store(&app, &ann, &bcrypt::hash_with_salt("old kettle", 4, [7; 16]).unwrap().to_string()).await;
    ann.get("/users/me").await.ok::<UserRead>();
    let logins: Vec<_> = (0..6)
        .map(|_| {
            let client = app.anonymous();
            let form = [("username", "ann"), ("password", "old kettle")];
            tokio::spawn(async move { client.form("/token", &form).await.status })
        })
        .collect();
    for login in logins {
        assert_eq!(login.await.unwrap(), StatusCode::OK);
    }
    let change = json!({ "current_password": "old kettle", "new_password": "kettle with a lid" });
    ann.patch("/users/me/password", change).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn invalid_hash_never_matches() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    for text in ["", "x", PASSWORD, "$2b$", "$2b$99$abc", "$argon2id$", "$argon2id$v=19$m=1,t=0,p=0$c2FsdA$aGFzaA", "!"]
    {
        store(&app, &ann, text).await;
        assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::BAD_REQUEST, "{text}");
    }
}

#[tokio::test]
async fn hash_with_old_cost_is_replaced_at_login() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let before = hash(&app, &ann).await;
    app.log_in("ann", PASSWORD).await.ok::<Token>();
    assert_eq!(hash(&app, &ann).await, before);

    let mut dearer = app.state.settings.auth.clone();
    (dearer.hash_memory_kib, dearer.hash_iterations) = (16, 2);
    let accounts =
        AccountContext { passwords: Passwords::new(&dearer).unwrap(), ..(*app.state.accounts).clone() }.into();
    let dearer = Client::new(build(&AppState { accounts, ..app.state.clone() }), None);
    dearer.form("/token", &[("username", "ann"), ("password", PASSWORD)]).await.ok::<Token>();
    let after = hash(&app, &ann).await;
    assert!(before.contains("m=8,t=1") && after.contains("m=16,t=2"), "{before} {after}");
    app.log_in("ann", PASSWORD).await.ok::<Token>();
}

#[tokio::test]
async fn missing_hash_never_matches() {
    let app = TestApp::start().await;
    let verdict = app.state.accounts.passwords.verify(SecretString::from(PASSWORD), None).await.unwrap();
    assert_eq!(verdict, Verdict::Wrong);
}
