//! The single-page application that `server.static_dir` serves.

use std::fs;
use std::path::Path;

use axum::body::Body;
use axum::http::{Method, StatusCode};
use keel::routes::frontend;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Response, TestApp};

const PAGE: &str = "<!doctype html><title>Application</title>";
const SCRIPT: &str = "/assets/index-CxpDudTf.js";

/// A built application, beside a file that is not part of it.
fn built() -> TempDir {
    // Without the point at the beginning: what is in a hidden folder is not served.
    let folder = tempfile::Builder::new().prefix("keel").tempdir().unwrap();
    let files = [
        ("secret.txt", "secret".to_owned()),
        ("dist/index.html", PAGE.to_owned()),
        ("dist/favicon.svg", "<svg/>".to_owned()),
        ("dist/.env", "SECRET=1".to_owned()),
        ("dist/assets/index-CxpDudTf.js", "console.log(1);".repeat(200)),
        ("dist/assets/logo.png", "png".repeat(1000)),
        ("dist/api/v1/users", "shadow".to_owned()),
        ("dist/docs/index.html", "shadow".to_owned()),
    ];
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

async fn app(folder: &Path) -> TestApp {
    TestApp::with(|settings| settings.server.static_dir = Some(folder.join("dist"))).await
}

/// A request for a path of the page, not of the API.
async fn fetch(app: &TestApp, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let mut request = axum::http::Request::builder().method(method).uri(path).header("host", "testserver");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.anonymous().request(request.body(Body::empty()).unwrap()).await
}

async fn get(app: &TestApp, path: &str) -> Response {
    fetch(app, Method::GET, path, &[]).await
}

#[tokio::test]
async fn paths_without_a_file_get_the_page() {
    let folder = built();
    let app = app(folder.path()).await;
    for path in ["/login", "/settings/", "/users/ann@example.com", "/reset-password?token=a.b.c", "/assets", "/apix"] {
        let response = get(&app, path).await.expect(StatusCode::OK);
        assert_eq!(response.body, PAGE, "{path}");
        assert_eq!(response.header("content-type"), "text/html");
        assert_eq!(response.header("cache-control"), "no-cache");
        assert!(response.header("content-security-policy").contains("default-src 'self'"));
        assert!(
            response.headers.contains_key("x-request-id") && response.headers.contains_key("x-content-type-options")
        );
    }
    let head = fetch(&app, Method::HEAD, "/login", &[]).await.expect(StatusCode::OK);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn root_is_a_page_for_browsers_and_a_greeting_for_programs() {
    let folder = built();
    let app = app(folder.path()).await;
    let browser = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = fetch(&app, Method::GET, "/", &browser).await.expect(StatusCode::OK);
    assert_eq!((page.body.as_ref(), page.header("vary").contains("accept")), (PAGE.as_bytes(), true));
    let greeting = get(&app, "/").await;
    assert!(greeting.header("vary").contains("accept"));
    assert_eq!(greeting.ok::<Value>()["message"], "Hello World");
}

#[tokio::test]
async fn files_with_a_hash_are_cached_for_good_and_others_are_revalidated() {
    let folder = built();
    let app = app(folder.path()).await;
    let script = get(&app, SCRIPT).await.expect(StatusCode::OK);
    assert_eq!(script.header("cache-control"), "public, max-age=31536000, immutable");
    assert!(script.header("content-type").contains("javascript"));
    for path in ["/favicon.svg", "/assets/logo.png"] {
        let file = get(&app, path).await.expect(StatusCode::OK);
        assert_eq!(file.header("cache-control"), "no-cache", "{path}");
        let known = [("if-none-match", file.header("etag"))];
        assert!(fetch(&app, Method::GET, path, &known).await.expect(StatusCode::NOT_MODIFIED).body.is_empty());
    }
    // A page that was replaced must not get a page where it expects a script, least of all for good.
    let missing = get(&app, "/assets/index-AAAAAAA1.js").await;
    assert!(!missing.header("cache-control").contains("immutable"));
    missing.is_not_found();
}

#[tokio::test]
async fn ranges_and_compression_are_served() {
    let folder = built();
    let app = app(folder.path()).await;
    let part = fetch(&app, Method::GET, SCRIPT, &[("range", "bytes=0-6"), ("accept-encoding", "gzip")]).await;
    let part = part.expect(StatusCode::PARTIAL_CONTENT);
    assert_eq!((part.body.as_ref(), part.header("content-range")), (&b"console"[..], "bytes 0-6/3000"));
    let outside = fetch(&app, Method::GET, SCRIPT, &[("range", "bytes=9999-")]).await;
    assert_eq!(outside.header("content-range"), "bytes */3000");
    outside.error(StatusCode::RANGE_NOT_SATISFIABLE);
    for encoding in ["br", "gzip"] {
        let small = fetch(&app, Method::GET, SCRIPT, &[("accept-encoding", encoding)]).await.expect(StatusCode::OK);
        assert_eq!(small.header("content-encoding"), encoding);
        assert!(small.body.len() < 300 && small.header("vary").contains("accept-encoding"));
        // The tag names more than one sequence of bytes.
        assert!(small.header("etag").starts_with("W/"));
    }
    let image = fetch(&app, Method::GET, "/assets/logo.png", &[("accept-encoding", "gzip")]).await;
    assert_eq!(image.expect(StatusCode::OK).header("content-encoding"), "");
    fs::write(folder.path().join("dist").join(format!(".{SCRIPT}.gz")), "made before").unwrap();
    let made_before = fetch(&app, Method::GET, SCRIPT, &[("accept-encoding", "gzip")]).await;
    assert_eq!((made_before.header("content-encoding"), made_before.body.as_ref()), ("gzip", &b"made before"[..]));
}

#[tokio::test]
async fn the_api_is_not_shadowed() {
    let folder = built();
    let app = app(folder.path()).await;
    for path in ["/api/v1/nothing", "/api/nothing", "/api", "/%61pi/nothing", "/health/nothing", "/.well-known/x"] {
        get(&app, path).await.is_not_found();
    }
    get(&app, "/api/v1/users").await.is_unauthorized();
    assert_ne!(get(&app, "/docs").await.expect(StatusCode::OK).body, "shadow");
    get(&app, "/token").await.error(StatusCode::METHOD_NOT_ALLOWED);
    fetch(&app, Method::POST, "/", &[]).await.error(StatusCode::METHOD_NOT_ALLOWED);
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        fetch(&app, method.clone(), "/nothing", &[]).await.is_not_found();
        fetch(&app, method, "/favicon.svg", &[]).await.is_not_found();
    }
    let without_docs = TestApp::with(|settings| {
        settings.server.static_dir = Some(folder.path().join("dist"));
        settings.server.docs = false;
    });
    let app = without_docs.await;
    for path in ["/docs", "/docs/", "/redoc", "/openapi.json"] {
        get(&app, path).await.is_not_found();
    }
}

#[tokio::test]
async fn paths_that_leave_the_folder_and_hidden_files_are_not_found() {
    let folder = built();
    let app = app(folder.path()).await;
    let too_long = format!("/{}", "x".repeat(300));
    let too_deep = format!("/{}", "x/".repeat(2500));
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/assets/../../secret.txt",
        "/assets/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/assets/..%5c..%5csecret.txt",
        "/./../secret.txt",
        "/.env",
        "/%2eenv",
        "/x%00.js",
        "/%ff",
        &too_long,
        &too_deep,
    ] {
        get(&app, path).await.is_not_found();
    }
    // Not below the root of the file system, but of the folder.
    assert_eq!(get(&app, &format!("/{}/secret.txt", folder.path().display())).await.body, PAGE);
}

#[tokio::test]
async fn pages_keep_the_rules_of_hosts_and_origins() {
    let folder = built();
    let app = app(folder.path()).await;
    let other_host = axum::http::Request::get("/login").header("host", "evil.example").body(Body::empty()).unwrap();
    app.anonymous().request(other_host).await.error(StatusCode::BAD_REQUEST);
    let allowed = fetch(&app, Method::GET, SCRIPT, &[("origin", "https://app.example.com")]).await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example.com");
    let other = fetch(&app, Method::GET, SCRIPT, &[("origin", "https://evil.example")]).await;
    assert_eq!(other.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn folder_without_an_application_is_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let app = TestApp::start().await;
    let mut settings = app.state.settings.server.clone();
    frontend::check(&settings).unwrap();
    for missing in [folder.path().join("nowhere"), folder.path().to_owned()] {
        settings.static_dir = Some(missing.clone());
        let error = frontend::check(&settings).unwrap_err();
        assert!(error.starts_with("server.static_dir:") && error.contains(missing.to_str().unwrap()), "{error}");
    }
}
