//! Access tokens that the service has not issued get 401.

use axum::http::{HeaderValue, Method, Request, StatusCode};
use jsonwebtoken::Algorithm;
use keel::schemas::user::UserRead;
use serde_json::json;
use uuid::Uuid;

use crate::support::forgery::Forgery;
use crate::support::{Response, TestApp};

async fn try_in(app: &TestApp, token: &str) -> Response {
    app.bearer(token).get("/users/me").await
}

#[track_caller]
fn is_refused(response: Response, what: &str) {
    assert_eq!(response.status, StatusCode::UNAUTHORIZED, "{what}");
    response.is_unauthorized();
}

/// Without this, the other tests here could pass for a wrong reason.
#[tokio::test]
async fn forgery_without_change_is_accepted() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let me: UserRead = try_in(&app, &Forgery::of(&ann).sign()).await.ok();
    assert_eq!(Some(me), ann.user);
    let me: UserRead = try_in(&app, &Forgery::of(&ann).claim("more", json!([1])).sign()).await.ok();
    assert_eq!(me.id, ann.id(), "unknown claims are ignored");
}

#[tokio::test]
async fn other_algorithms_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let names = [
        "none", "None", "NONE", "nOnE", "", " HS256", "hs256", "HS384", "HS512", "RS256", "RS384", "PS256", "ES256",
        "EdDSA",
    ];
    for name in names {
        let token = Forgery::of(&ann).header("alg", json!(name)).sign();
        is_refused(try_in(&app, &token).await, name);
        let (unsigned, _) = token.rsplit_once('.').unwrap();
        is_refused(try_in(&app, &format!("{unsigned}.")).await, name);
        is_refused(try_in(&app, unsigned).await, name);
    }
    for value in [json!(null), json!(1), json!(["HS256"]), json!({ "HS256": true })] {
        is_refused(try_in(&app, &Forgery::of(&ann).header("alg", value.clone()).sign()).await, &value.to_string());
    }
    is_refused(try_in(&app, &Forgery::of(&ann).without("alg").sign()).await, "no alg");
    // With the right key, and signed as they say.
    for (name, algorithm) in [("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let token = Forgery::of(&ann).header("alg", json!(name)).algorithm(algorithm).sign();
        is_refused(try_in(&app, &token).await, name);
    }
}

#[tokio::test]
async fn tokens_of_other_keys_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let right = String::from_utf8(Forgery::of(&ann).key).unwrap();
    for key in ["", "secret", "changethis", &right[1..], &format!("{right} "), &right.to_uppercase(), "keel"] {
        is_refused(try_in(&app, &Forgery::of(&ann).key(key).sign()).await, key);
    }
    let (good, other) = (Forgery::of(&ann).sign(), Forgery::of(&ann).claim("jti", json!(Uuid::now_v7())).sign());
    let ((message, _), (_, signature)) = (good.rsplit_once('.').unwrap(), other.rsplit_once('.').unwrap());
    is_refused(try_in(&app, &format!("{message}.{signature}")).await, "another token's signature");
}

#[tokio::test]
async fn changed_or_cut_tokens_are_refused() {
    let app = TestApp::start().await;
    let token = app.user("ann").await.token.unwrap();
    try_in(&app, &token).await.ok::<UserRead>();
    for at in 0..token.len() {
        is_refused(try_in(&app, &token[..at]).await, &format!("cut at {at}"));
        is_refused(try_in(&app, &format!("{}{}", &token[..at], &token[at + 1..])).await, &format!("without {at}"));
        let other = if &token[at..=at] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
        is_refused(try_in(&app, &changed).await, &format!("changed at {at}"));
    }
    for longer in
        [format!("{token}A"), format!("{token}="), format!("{token}."), format!("{token}.e30"), format!("A{token}")]
    {
        is_refused(try_in(&app, &longer).await, &longer);
    }
}

#[tokio::test]
async fn missing_or_mistyped_claims_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let claims = Forgery::of(&ann).claims;
    for (name, right) in claims.as_object().unwrap() {
        is_refused(try_in(&app, &Forgery::of(&ann).without(name).sign()).await, &format!("without {name}"));
        let mut wrong =
            vec![json!(null), json!(true), json!([]), json!({}), json!(""), json!("x"), json!([right]), json!(-1)];
        // A number as text, a text as number, and what is too large for either.
        wrong.extend([json!(right.to_string()), json!(0), json!(1e300), json!(u64::MAX), json!(f64::MAX)]);
        for value in wrong {
            let what = format!("{name}: {value}");
            is_refused(try_in(&app, &Forgery::of(&ann).claim(name, value).sign()).await, &what);
        }
    }
    for claims in [json!(null), json!([]), json!({}), json!("x"), json!(7)] {
        let mut forgery = Forgery::of(&ann);
        forgery.claims = claims.clone();
        is_refused(try_in(&app, &forgery.sign()).await, &claims.to_string());
    }
}

#[tokio::test]
async fn tokens_for_another_time_audience_or_user_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let now = jsonwebtoken::get_current_timestamp();
    for (name, value) in [
        ("exp", json!(now - 60)),
        ("exp", json!(0)),
        ("nbf", json!(now + 60)),
        ("iat", json!(now + 60)),
        ("iss", json!("stranger")),
        ("iss", json!("KEEL")),
        ("aud", json!("stranger")),
        ("aud", json!("keel ")),
        ("sub", json!(Uuid::now_v7())),
        ("sub", json!("ann")),
        ("sub", json!(Uuid::nil())),
    ] {
        let what = format!("{name}: {value}");
        is_refused(try_in(&app, &Forgery::of(&ann).claim(name, value).sign()).await, &what);
    }
    let future =
        Forgery::of(&ann).claim("nbf", json!(now + 60)).claim("iat", json!(now + 60)).claim("exp", json!(now + 120));
    is_refused(try_in(&app, &future.sign()).await, "from the future");
}

#[tokio::test]
async fn extra_header_members_are_refused() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    is_refused(try_in(&app, &Forgery::of(&ann).without("typ").sign()).await, "no typ");
    for value in [json!("JWT"), json!("jwt"), json!("rt+jwt"), json!(""), json!(null), json!(1), json!(["at+jwt"])] {
        is_refused(try_in(&app, &Forgery::of(&ann).header("typ", value.clone()).sign()).await, &value.to_string());
    }
    for (name, value) in [
        ("kid", json!("1")),
        ("kid", json!("../../dev/null")),
        ("jwk", json!({ "kty": "oct", "k": "c2VjcmV0" })),
        ("jku", json!("https://example.com/keys")),
        ("x5u", json!("https://example.com/key")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("x")),
        ("cty", json!("JWT")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("other", json!("x")),
    ] {
        let what = format!("{name}: {value}");
        is_refused(try_in(&app, &Forgery::of(&ann).header(name, value).sign()).await, &what);
    }
}

#[tokio::test]
async fn exactly_one_bearer_header_is_accepted() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().unwrap();
    let get = async |headers: &[(&str, &str)]| app.anonymous().send(Method::GET, "/users/me", headers, "".into()).await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        get(&[("authorization", &format!("{scheme} {token}"))]).await.ok::<UserRead>();
    }
    let long = "x".repeat(50_000);
    for value in [
        "",
        " ",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        &token,
        &format!("Bearer{token}"),
        &format!("Bearer, {token}"),
        &format!("Basic {token}"),
        "Basic YW5uOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ==",
        &format!("Token {token}"),
        &format!("Bearer {token} {token}"),
        &format!("Bearer {token},Bearer {token}"),
        &format!("Bearer \"{token}\""),
        "Bearer .",
        "Bearer ..",
        "Bearer ...",
        "Bearer a.b.c",
        "Bearer null",
        "Bearer undefined",
        "Bearer e30.e30.",
        &format!("Bearer {long}"),
        &format!("Bearer {long}.{long}.{long}"),
    ] {
        is_refused(get(&[("authorization", value)]).await, value);
    }
    let good = format!("Bearer {token}");
    is_refused(get(&[("authorization", &good), ("authorization", &good)]).await, "twice");
    is_refused(get(&[("authorization", &good), ("authorization", "Basic x")]).await, "two schemes");
    is_refused(get(&[("cookie", &format!("access_token={token}"))]).await, "a cookie");
    is_refused(app.anonymous().get(&format!("/users/me?access_token={token}")).await, "in the query");
    let octets = HeaderValue::from_bytes(b"Bearer \xff\xfe").unwrap();
    let request = Request::get("/api/v1/users/me").header("host", "testserver").header("authorization", octets);
    is_refused(app.anonymous().request(request.body("".into()).unwrap()).await, "no text");
}

#[tokio::test]
async fn tokens_of_deleted_and_inactive_users_are_refused() {
    let app = TestApp::start().await;
    let (ann, bob, root) = (app.user("ann").await, app.user("bob").await, app.superuser("root").await);
    root.delete(&format!("/users/{}", ann.id())).await.is_no_content();
    root.patch(&format!("/users/{}", bob.id()), json!({ "is_active": false })).await.ok::<UserRead>();
    for deleted in [ann, bob] {
        is_refused(deleted.get("/users/me").await, "their own token");
        is_refused(try_in(&app, &Forgery::of(&deleted).sign()).await, "a new one");
    }
}
