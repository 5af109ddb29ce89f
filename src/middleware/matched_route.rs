//! Tells the metrics and the trace which route a request has matched. They are outside of the router, so that they see
//! refused requests, too.

use std::sync::{Arc, OnceLock};

use axum::extract::{MatchedPath, Request};

use super::request_log::method_name;
use crate::core::telemetry::traces;

/// The template of the route that a request has matched: `/api/v1/users/{user_id}`. Empty until then, and for unknown
/// paths.
#[derive(Clone, Default)]
pub(super) struct MatchedRoute(Arc<OnceLock<MatchedPath>>);

impl MatchedRoute {
    /// For metrics: never a path that a client can choose.
    pub(super) fn label(&self) -> String {
        self.0.get().map_or("unmatched", MatchedPath::as_str).to_owned()
    }
}

/// Runs inside of the router.
pub(super) fn record(request: Request) -> Request {
    if let Some(path) = request.extensions().get::<MatchedPath>() {
        traces::rename_current(|| format!("{} {}", method_name(request.method()), path.as_str()));
        if let Some(MatchedRoute(route)) = request.extensions().get() {
            let _ = route.set(path.clone());
        }
    }
    request
}
