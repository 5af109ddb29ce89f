//! Clients that disconnect before their response.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Method;
use axum::routing::{any, get};
use futures_util::FutureExt;
use keel::core::config::Settings;
use keel::server::Readiness;
use metrics_exporter_prometheus::PrometheusBuilder; // only with observability
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use super::{behind_the_stack, exactly};
use crate::support::app::settings;
use crate::support::captured_log::CapturedLog;
use crate::support::socket::TestServer;

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
    let server = TestServer::start(app, settings().server, Readiness::default()).await;
    let mut client = server.connect().await;
    client.send(format!("{method} / HTTP/1.1\r\nHost: testserver\r\n\r\n")).await;
    timeout(TIMEOUT, started.notified()).await.unwrap();
    drop(client);
    let mut outcome = pin!(outcome);
    // The server drops the request of a closed connection, and `done` with it.
    if method.is_safe() {
        return timeout(TIMEOUT, outcome).await.unwrap().is_ok();
    }
    // Long enough for the server to notice.
    assert!(timeout(Duration::from_millis(300), outcome.as_mut()).await.is_err(), "{method} goes on");
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

/// Sends a request, and gives up while its handler runs.
fn give_up(change: impl FnOnce(&mut Settings)) {
    let client = behind_the_stack(Router::new().route("/slow", get(pending::<()>)), change);
    assert!(exactly(&client, Method::GET, "/slow", &[]).now_or_never().is_none());
}

// only with observability
#[tokio::test]
async fn cancelled_request_is_counted_with_status_499() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    give_up(|settings| settings.metrics.port = Some(0));
    let text = recorder.handle().render();
    let count = r#"http_server_request_duration_seconds_count{method="GET",route="/slow",status="499"} 1"#;
    assert!(text.contains(count), "{text}");
}

#[tokio::test]
async fn cancelled_request_is_logged() {
    let (log, _guard) = CapturedLog::start();
    give_up(|_| {});
    let text = log.text();
    assert!(text.contains("request cancelled") && text.contains("path=/slow"), "{text}");
    assert!(!text.contains("request completed"), "{text}");
}
