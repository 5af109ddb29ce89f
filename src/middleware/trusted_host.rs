//! Requests for hosts that are not ours would poison caches and links.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::header;

use crate::error::{Error, Result};

/// What a request's `Host` may be: `*` is every name, `*.example.com` every name below it, anything else itself.
#[derive(Clone)]
pub(super) struct TrustedHosts(Arc<[String]>);

impl TrustedHosts {
    pub(super) fn new(allowed: &[String]) -> Self {
        Self(allowed.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    /// # Errors
    /// 400 unless there is exactly one `Host`, and an allowed one. Nothing else is asked, neither an
    /// absolute URI nor `X-Forwarded-Host`. Health checks ask by address and are let through.
    pub(super) fn check(&self, request: &Request) -> Result<()> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().map(without_port).unwrap_or_default(),
            _ => "",
        };
        if self.contains(host) || request.uri().path().starts_with("/health/") {
            Ok(())
        } else {
            Err(Error::BadRequest("Invalid host header"))
        }
    }

    fn contains(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| match allowed.strip_prefix('*') {
            Some("") => !host.is_empty(),
            Some(suffix) => host.to_ascii_lowercase().strip_suffix(suffix).is_some_and(is_name),
            None => host.eq_ignore_ascii_case(allowed),
        })
    }
}

/// Labels of a host's name: `a`, `b.a`.
fn is_name(text: &str) -> bool {
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.split('.').all(is_label)
}

/// `[::1]:8000` is `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
