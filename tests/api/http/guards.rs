//! Guards run before the body is read.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use futures_util::stream;
use tokio::time::timeout;

use crate::support::TestApp;
use crate::support::document::operations;
use crate::support::socket::TIMEOUT;

/// A body that never arrives.
fn silent_body() -> Body {
    Body::from_stream(stream::pending::<Result<&'static [u8], std::io::Error>>())
}

#[tokio::test]
async fn unauthenticated_request_is_refused_without_waiting_for_its_body() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();
    let mut count = 0;
    for operation in operations() {
        let content = operation.value["requestBody"]["content"].as_object();
        let Some((media_type, _)) = content.and_then(|content| content.iter().next()) else { continue };
        if operation.value.get("security").is_none() {
            continue;
        }
        let path = operation.path.replace(['{', '}'], "");
        let headers = [("content-type", media_type.as_str())];
        let response = anonymous.send(operation.method, &path, &headers, silent_body());
        timeout(TIMEOUT, response).await.expect("a response").is_unauthorized();
        count += 1;
    }
    assert!(count > 0);
}

#[tokio::test]
async fn forbidden_request_is_refused_without_waiting_for_its_body() {
    let app = TestApp::start().await;
    let ann = app.user("ann").await;
    let headers = [("content-type", "application/json")];
    let response = ann.send(Method::POST, "/users", &headers, silent_body());
    timeout(TIMEOUT, response).await.expect("a response").error(StatusCode::FORBIDDEN);
}
