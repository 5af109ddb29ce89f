//! Refuses requests for hosts that are not ours, which would poison caches and links.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// The names that are ours.
#[derive(Clone)]
pub(super) struct Allowed(Arc<[String]>);

impl Allowed {
    pub(super) fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// `*` is every name, `*.example.com` every name below it, anything else itself.
    fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| match allowed.strip_prefix('*') {
            Some("") => true,
            Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
            None => host == allowed,
        })
    }
}

/// Exactly one `Host`, and an allowed one: else 400. Health checks ask by address and are let through.
pub(super) async fn check(State(allowed): State<Allowed>, request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let is_allowed = match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.to_str().is_ok_and(|host| allowed.contains(&without_port(host).to_ascii_lowercase()))
        }
        _ => false,
    };
    if is_allowed || request.uri().path().starts_with("/health/") {
        next.run(request).await
    } else {
        Error::BadRequest("Invalid host header").into_response()
    }
}

/// `[::1]:8000` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
