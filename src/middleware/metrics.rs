//! Metrics of requests.

use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;

use super::matched_route::MatchedRoute;
use super::request_log::method_name;
use crate::core::telemetry::Counted;

/// The status of a request that was dropped before its response, because its client or a proxy has given up.
/// Proxies log the same. It is not a status of HTTP.
const CANCELLED: &str = "499";

/// Measures the time until the response starts, by method, route and status, and counts requests in flight and the
/// bytes of responses.
pub(super) async fn measure(mut request: Request, next: Next) -> Response {
    let route = MatchedRoute::default();
    let method = method_name(request.method());
    let mut measured = Measured { start: Instant::now(), method, route: route.clone(), status: None };
    request.extensions_mut().insert(route.clone());
    let active = Counted::new(metrics::gauge!("http_server_active_requests"));
    let response = next.run(request).await;
    drop(active);
    measured.status = Some(response.status());
    drop(measured);
    count_bytes(response, route.label())
}

/// Records the request when it is dropped: when the response starts, or when the request is given up before.
struct Measured {
    start: Instant,
    method: &'static str,
    route: MatchedRoute,
    /// Of the response, once there is one.
    status: Option<StatusCode>,
}

impl Drop for Measured {
    fn drop(&mut self) {
        let status = self.status.as_ref().map_or(CANCELLED, StatusCode::as_str);
        let labels = [("method", self.method.to_owned()), ("route", self.route.label()), ("status", status.to_owned())];
        metrics::histogram!("http_server_request_duration_seconds", &labels).record(self.start.elapsed());
    }
}

fn count_bytes(response: Response, route: String) -> Response {
    let bytes = metrics::counter!("http_server_response_bytes_total", "route" => route);
    if let Some(length) = response.body().size_hint().exact() {
        bytes.increment(length);
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            bytes.increment(frame.data_ref().map_or(0, |data| data.len() as u64));
            frame
        }))
    })
}
