//! Refuses requests for hosts that are not ours, which could poison caches and links.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, header};
use axum::response::{IntoResponse, Response};
use tower_http::validate_request::ValidateRequest;

use crate::error::Error;

/// The allowed values of `Host`: `*` matches every name, `*.example.com` every name below it, any other value only
/// itself.
#[derive(Clone)]
pub(super) struct TrustedHosts(Arc<[String]>);

impl<B> ValidateRequest<B> for TrustedHosts {
    type ResponseBody = Body;

    /// Returns 400 unless there is exactly one `Host` and it is allowed. An absolute URI and `X-Forwarded-Host` are
    /// ignored. Health checks are exempt, because load balancers address the process by its IP.
    fn validate(&mut self, request: &mut Request<B>) -> Result<(), Response> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().map(without_port).unwrap_or_default(),
            _ => "",
        };
        if self.contains(host) || request.uri().path().starts_with("/health/") {
            Ok(())
        } else {
            Err(Error::BadRequest("Invalid host header").into_response())
        }
    }
}

impl TrustedHosts {
    pub(super) fn new(allowed: &[String]) -> Self {
        Self(allowed.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| match allowed.strip_prefix('*') {
            Some("") => !host.is_empty(),
            Some(suffix) => host.to_ascii_lowercase().strip_suffix(suffix).is_some_and(is_name),
            None => host.eq_ignore_ascii_case(allowed),
        })
    }
}

/// Whether the text consists of host name labels: `a`, `b.a`.
fn is_name(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.split('.').all(is_label)
}

/// Turns `[::1]:8000` into `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
