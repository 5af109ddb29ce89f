//! `server.allowed_hosts`: which hosts a request may name.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

async fn status(client: &Client, path: &str, hosts: &[&str]) -> StatusCode {
    let mut request = Request::get(path);
    for host in hosts {
        request = request.header("host", *host);
    }
    let response = client.request(request.body(Body::empty()).unwrap()).await;
    if response.status == StatusCode::BAD_REQUEST {
        assert_eq!(response.read::<Value>(), json!({ "detail": "Invalid host header" }));
    }
    response.status
}

async fn served_for(allowed: &[&str]) -> TestApp {
    let hosts = allowed.iter().map(|&host| host.to_owned()).collect();
    TestApp::with(|settings| settings.server.allowed_hosts = hosts).await
}

#[tokio::test]
async fn unlisted_host_gets_400() {
    let app = served_for(&["testserver"]).await;
    let client = app.anonymous();
    for host in ["testserver", "TestServer", "testserver:80", "testserver:65535"] {
        assert_eq!(status(&client, "/", &[host]).await, StatusCode::OK, "{host}");
    }
    for host in [
        "evil.example.com",
        "testserver.evil.com",
        "eviltestserver",
        "sub.testserver",
        "testserver:80:80",
        "testserver:http",
        "user@testserver",
        "testserver/",
        "testserver, evil.example.com",
        "127.0.0.1",
        "[testserver]",
        "",
        "\u{e9}",
    ] {
        assert_eq!(status(&client, "/", &[host]).await, StatusCode::BAD_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn request_needs_exactly_one_host() {
    let app = served_for(&["testserver"]).await;
    let client = app.anonymous();
    for hosts in [&[][..], &["testserver", "testserver"], &["testserver", "evil.example.com"]] {
        for path in ["/", "/nowhere", "/openapi.json", "/api/v1/users/me"] {
            assert_eq!(status(&client, path, hosts).await, StatusCode::BAD_REQUEST, "{path} {hosts:?}");
        }
    }
}

#[tokio::test]
async fn wildcard_allows_every_subdomain() {
    let app = served_for(&["*.Example.com"]).await;
    let client = app.anonymous();
    for host in ["a.example.com", "a.b.EXAMPLE.com:8000"] {
        assert_eq!(status(&client, "/", &[host]).await, StatusCode::OK, "{host}");
    }
    for host in [
        "example.com",
        ".example.com",
        "aexample.com",
        "a.example.com.evil.com",
        "a..example.com",
        "evil.com/.example.com",
        "evil.com#.example.com",
        "evil.com:80.example.com",
        "user@.example.com",
        "a b.example.com",
        "[::1].example.com",
        "\u{e9}.example.com",
    ] {
        assert_eq!(status(&client, "/", &[host]).await, StatusCode::BAD_REQUEST, "{host}");
    }
    assert_eq!(status(&served_for(&["*"]).await.anonymous(), "/", &["anything.example"]).await, StatusCode::OK);
}

#[tokio::test]
async fn ipv6_address_may_be_a_host() {
    let app = served_for(&["[::1]"]).await;
    let client = app.anonymous();
    for host in ["[::1]", "[::1]:8000"] {
        assert_eq!(status(&client, "/", &[host]).await, StatusCode::OK, "{host}");
    }
    for host in ["[::2]", "::1", "[::1", "[::1]x", "[::1].evil.com"] {
        assert_eq!(status(&client, "/", &[host]).await, StatusCode::BAD_REQUEST, "{host}");
    }
}

#[tokio::test]
async fn health_checks_accept_any_host() {
    let app = served_for(&["testserver"]).await;
    let client = app.anonymous();
    for path in ["/health/live", "/health/ready", "/health/ready/"] {
        for hosts in [&["10.0.0.7:8000"][..], &[], &["a", "b"]] {
            assert_eq!(status(&client, path, hosts).await, StatusCode::OK, "{path} {hosts:?}");
        }
    }
    assert_eq!(status(&client, "/healthy", &["10.0.0.7"]).await, StatusCode::BAD_REQUEST);
    assert_eq!(status(&client, "/health/../api/v1/users/me", &["10.0.0.7"]).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn forwarded_host_is_ignored() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let forged = [
        ("x-forwarded-host", "evil.example.com"),
        ("forwarded", "host=evil.example.com"),
        ("x-forwarded-proto", "gopher"),
        ("content-type", "application/json"),
    ];
    let body = json!({ "full_name": "Ann" }).to_string();
    let response = ann.send(Method::PATCH, "/users/me", &forged, body.into()).await.expect(StatusCode::OK);
    assert!(!format!("{response:?}").contains("evil"));

    let headers = [("host", "evil.example.com"), ("x-forwarded-host", "testserver"), ("forwarded", "host=testserver")];
    let refused = ann.send(Method::GET, "/users/me", &headers, Body::empty()).await;
    assert_eq!(refused.error(StatusCode::BAD_REQUEST), "Invalid host header");
}
