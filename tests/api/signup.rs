//! Signing up.

use std::collections::HashMap;

use axum::http::StatusCode;
use keel::schemas::user::UserRead;
use serde_json::{Value, json};

use crate::support::app::PASSWORD;
use crate::support::{Client, TestApp};

const EMAIL_TAKEN: &str = "The user with this email already exists in the system";

async fn sign_up(client: &Client, body: Value) -> UserRead {
    client.post("/users/signup", body).await.created()
}

#[tokio::test]
async fn sign_up_returns_the_user_without_the_password() {
    let app = TestApp::start().await;
    let address = json!({ "street": "1 Main Street", "city": "Springfield", "country": "Utopia" });
    let body = json!({
        "email": "Ann@Example.com", "password": PASSWORD, "username": "Ann_1-x", "full_name": "Añn ✓ 李 🫖 O'Neill",
        "age": 30, "address": address,
    });
    let user: Value = app.anonymous().post("/users/signup", body).await.created();
    let expected = json!({
        "id": user["id"], "email": "Ann@Example.com", "username": "Ann_1-x", "full_name": "Añn ✓ 李 🫖 O'Neill",
        "age": 30, "address": address, "is_active": true, "is_superuser": false, "created_at": user["created_at"],
    });
    assert_eq!(user, expected, "as entered, and nothing else");

    let root = app.superuser("root").await;
    assert_eq!(root.get(&format!("/users/{}", user["id"].as_str().unwrap())).await.ok::<Value>(), user);
}

#[tokio::test]
async fn sign_up_needs_only_email_and_password() {
    let app = TestApp::start().await;
    let user = sign_up(&app.anonymous(), json!({ "email": "ann@example.com", "password": PASSWORD })).await;
    assert_eq!((user.username.as_str(), user.full_name, user.age, user.address), ("ann", None, None, None));
    assert!(user.is_active && !user.is_superuser);
    assert_eq!(user.id.get_version_num(), 7);
    assert_eq!(app.log_in("ann", PASSWORD).await.status, StatusCode::OK);
}

#[tokio::test]
async fn username_is_derived_from_the_email() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();
    let long = "l".repeat(64);
    for (local, expected) in [
        ("a+b.c", "abc"),
        ("x", "x__"),
        ("+++", "___"),
        ("o'neill_1-2", "oneill_1-2"),
        ("Max", "Max"),
        (&long, &long[..50]),
    ] {
        let user = sign_up(&anonymous, json!({ "email": format!("{local}@example.com"), "password": PASSWORD })).await;
        assert_eq!(user.username, expected, "{local}");
    }
    // A derived username that is taken gets a random suffix.
    for (number, local) in ["abc", "ABC", "MAX", "x", &"L".repeat(60)].into_iter().enumerate() {
        let email = format!("{local}@{number}.example.com");
        let user = sign_up(&anonymous, json!({ "email": email, "password": PASSWORD })).await;
        let (name, end) = user.username.rsplit_once('-').unwrap();
        assert!(local.starts_with(name.trim_end_matches('_')) && end.len() == 8, "{local}: {}", user.username);
        assert!(user.username.len() <= 50);
        assert_eq!(app.log_in(&user.username, PASSWORD).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn invalid_email_is_rejected() {
    let app = TestApp::start().await;
    for email in [
        "é@example.com",
        "ann@exämple.com",
        "ann",
        "ann@",
        "@example.com",
        "ann@@example.com",
        "a nn@example.com",
        // Refused by other servers.
        ".ann@example.com",
        "ann.@example.com",
        "a..nn@example.com",
        // Header injection.
        "ann@example.com\r\nBcc: everybody",
        "ann@\r\nBcc: everybody[127.0.0.1]",
    ] {
        let body = json!({ "email": email, "password": PASSWORD });
        let problems = app.anonymous().post("/users/signup", body).await.problems();
        assert_eq!(problems, ["body.email: value_error"], "{email}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sign_up_with_one_email_succeeds_once() {
    let app = TestApp::start().await;
    let signups: Vec<_> = (0..100_usize)
        .map(|number| {
            let anonymous = app.anonymous();
            // The bits of the number choose the capital letters.
            let cased = |(at, letter): (usize, char)| {
                if number >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
            };
            let email: String = "stranger@example.com".chars().enumerate().map(cased).collect();
            tokio::spawn(async move {
                anonymous.post("/users/signup", json!({ "email": email, "password": PASSWORD })).await
            })
        })
        .collect();
    let mut responses: HashMap<u16, usize> = HashMap::new();
    for signup in signups {
        let response = signup.await.unwrap();
        *responses.entry(response.status.as_u16()).or_default() += 1;
        if response.status != StatusCode::CREATED {
            assert_eq!(response.error(StatusCode::CONFLICT), EMAIL_TAKEN);
        }
    }
    assert_eq!(responses, HashMap::from([(201, 1), (409, 99)]));
}

#[tokio::test]
async fn sign_up_reports_every_problem() {
    let app = TestApp::start().await;
    let body = json!({
        "email": "ann", "password": "s3cr3t!", "username": "a b", "full_name": 7, "age": 151,
        "address": { "street": "", "city": null, "planet": "Earth" },
    });
    let expected = [
        "body.address.city: string_type",
        "body.address.country: missing",
        "body.address.street: string_too_short",
        "body.age: less_than_equal",
        "body.email: value_error",
        "body.full_name: string_type",
        "body.password: string_too_short",
        "body.username: string_pattern_mismatch",
    ];
    let response = app.anonymous().post("/users/signup", body).await;
    assert!(!String::from_utf8_lossy(&response.body).contains("s3cr3t"), "the rejected value is not echoed");
    assert_eq!(response.problems(), expected);
}
