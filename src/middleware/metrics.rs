//! Metrics of requests.

use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;

use super::matched_route::MatchedRoute;
use super::request_log::method_name;
use crate::core::telemetry::Counted;

/// Measures the time until the response starts, by method, route and status, and counts requests in flight and the
/// bytes of responses.
pub(super) async fn measure(mut request: Request, next: Next) -> Response {
    let (start, method, route) = (Instant::now(), method_name(request.method()), MatchedRoute::default());
    request.extensions_mut().insert(route.clone());
    let active = Counted::new(metrics::gauge!("http_server_active_requests"));
    let response = next.run(request).await;
    drop(active);
    let (route, status) = (route.label(), response.status().as_str().to_owned());
    let labels = [("method", method.to_owned()), ("route", route.clone()), ("status", status)];
    metrics::histogram!("http_server_request_duration_seconds", &labels).record(start.elapsed());
    count_bytes(response, route)
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
