//! Clients that disconnect before their response.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request};
use axum::routing::any;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;
use tower::ServiceExt;

use super::behind_the_stack;

const TIMEOUT: Duration = Duration::from_secs(20);

/// Whether a request of this method reaches its end when its client disconnects while the handler runs.
async fn is_completed(method: Method) -> bool {
    let (started, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (done, outcome) = oneshot::channel::<()>();
    let done = Arc::new(std::sync::Mutex::new(Some(done)));
    let handler = {
        let (started, proceed) = (Arc::clone(&started), Arc::clone(&proceed));
        async move || {
            let done = done.lock().unwrap().take().unwrap();
            started.notify_one();
            proceed.notified().await;
            done.send(()).unwrap();
        }
    };
    let app = behind_the_stack(Router::new().route("/", any(handler)), |_| {}).app;
    let request = Request::builder().method(method).uri("/").header("host", "testserver").body(Body::empty()).unwrap();
    let connection = tokio::spawn(app.oneshot(request));
    timeout(TIMEOUT, started.notified()).await.unwrap();
    // What the server does when the connection ends.
    connection.abort();
    connection.await.unwrap_err();
    proceed.notify_one();
    timeout(TIMEOUT, outcome).await.unwrap().is_ok()
}

#[tokio::test]
async fn write_is_completed_after_a_disconnect_and_a_read_is_dropped() {
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        assert!(is_completed(method.clone()).await, "{method}");
    }
    assert!(!is_completed(Method::GET).await);
}
