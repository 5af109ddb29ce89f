//! The OpenAPI document and the pages that show it. They load nothing from other servers.

use std::io::Read;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use flate2::read::GzDecoder;
use keel::core::config::Environment;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::document::{DOCUMENT, operations};

/// The addresses of scripts, styles and images that the tags of a page load.
fn loaded(page: &str) -> Vec<&str> {
    let mut addresses = Vec::new();
    let mut rest = page;
    while let Some((_, from)) = rest.split_once('<') {
        let (tag, after) = from.split_once('>').unwrap_or((from, ""));
        for attribute in [" src=", " href="] {
            let value = tag.split_once(attribute).map(|(_, value)| value.trim_start_matches(['"', '\'']));
            addresses.extend(value.and_then(|value| value.split(['"', '\'', ' ']).next()));
        }
        rest =
            if tag.starts_with("script") { after.split_once("</script>").map_or("", |(_, rest)| rest) } else { after };
    }
    addresses
}

#[tokio::test]
async fn openapi_document_is_served_as_generated() {
    let app = TestApp::start().await;
    let response = app.anonymous().get("/openapi.json").await;
    assert_eq!(response.header("content-type"), "application/json");
    let document: Value = response.ok();
    assert_eq!(document, *DOCUMENT);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
}

#[tokio::test]
async fn docs_pages_load_only_from_this_server() {
    let app = TestApp::start().await;
    for path in ["/docs", "/redoc"] {
        let response = app.anonymous().get(path).await;
        assert!(response.header("content-type").starts_with("text/html"), "{path}");
        let policy = response.header("content-security-policy").to_owned();
        assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("http") && !policy.contains('*'), "{policy}");
        let page = String::from_utf8(response.expect(StatusCode::OK).body.to_vec()).unwrap();
        assert!(page.contains("/openapi.json"), "{path} shows the document");
        for address in loaded(&page) {
            assert!(address.starts_with('/') && !address.starts_with("//"), "{path} loads {address}");
        }
    }
}

#[tokio::test]
async fn redoc_is_the_same_page_when_it_is_compressed() {
    let app = TestApp::start().await;
    let plain = app.anonymous().get("/redoc").await.expect(StatusCode::OK);
    let headers = [("accept-encoding", "gzip, br")];
    let compressed = app.anonymous().send(Method::GET, "/redoc", &headers, Body::empty()).await;
    assert_eq!((compressed.header("content-encoding"), compressed.header("vary")), ("gzip", plain.header("vary")));
    assert!(compressed.header("content-type").starts_with("text/html"));
    let mut page = Vec::new();
    GzDecoder::new(&*compressed.body).read_to_end(&mut page).unwrap();
    assert!(page == plain.body);
}

#[tokio::test]
async fn every_file_of_swagger_ui_is_served() {
    let app = TestApp::start().await;
    let client = app.anonymous();
    let page = String::from_utf8(client.get("/docs").await.body.to_vec()).unwrap();
    let files = loaded(&page);
    assert!(files.len() >= 2, "a script and a style: {files:?}");
    for file in files {
        let response = client.get(file).await;
        let expected = match file.rsplit('.').next() {
            Some("js") => "javascript",
            Some("css") => "text/css",
            Some("png") => "image/png",
            other => panic!("{file}: {other:?}"),
        };
        assert!(response.header("content-type").contains(expected), "{file}: {}", response.header("content-type"));
        assert!(!response.expect(StatusCode::OK).body.is_empty(), "{file}");
    }
    client.get("/docs/nothing.js").await.is_not_found();
    client.get("/docs/..%2fCargo.toml").await.is_not_found();
}

#[tokio::test]
async fn authorize_button_uses_the_login_route() {
    let schemes = DOCUMENT["components"]["securitySchemes"].as_object().unwrap();
    let flow = schemes.values().find_map(|scheme| scheme.pointer("/flows/password")).expect("a password flow");
    for url in [&flow["tokenUrl"], &flow["refreshUrl"]] {
        assert!(operations().any(|operation| operation.path == *url && operation.method == "POST"), "{url}");
    }
}

#[tokio::test]
async fn unknown_path_has_the_policy_of_data() {
    let app = TestApp::start().await;
    let response = app.anonymous().get("/nowhere").await;
    assert!(response.header("content-security-policy").starts_with("default-src 'none'"));
}

// only with realtime
#[tokio::test]
async fn chat_page_exists_only_in_development() {
    let app = TestApp::start().await;
    let response = app.anonymous().get("/chat").await;
    assert!(response.header("content-security-policy").contains("default-src 'self'"));
    let page = String::from_utf8(response.expect(StatusCode::OK).body.to_vec()).unwrap();
    assert_eq!(loaded(&page), ["data:,"]);
    let app = TestApp::with(|settings| settings.environment = Environment::Production).await;
    app.anonymous().get("/chat").await.is_not_found();
}

#[tokio::test]
async fn docs_can_be_disabled() {
    let app = TestApp::with(|settings| settings.server.docs = false).await;
    for path in ["/docs", "/docs/", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/redoc", "/openapi.json"] {
        app.anonymous().get(path).await.is_not_found();
    }
    let greeting: Value = app.anonymous().get("/").await.ok();
    assert_eq!(greeting, json!({ "message": "Hello World" }), "names no page that is missing");
}
