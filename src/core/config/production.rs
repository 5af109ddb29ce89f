//! The settings that `APP_ENV=production` refuses: defaults that are good for development and dangerous in production.

use std::net::IpAddr;

use serde_json::Value;

use super::problem;
use super::settings::Environment;
use crate::validation::schema::Problem;

/// Words that mark a secret as a placeholder.
const PLACEHOLDERS: [&str; 6] = ["changethis", "change-me", "changeme", "your-secret", "placeholder", "insecure"];

/// Adds a problem for each setting that must not reach production. Each message says how to fix it.
pub(super) fn refuse(environment: Environment, merged: &Value, problems: &mut Vec<Problem>) {
    if environment != Environment::Production {
        return;
    }
    let mut refuse = |key, message| problems.push(problem(key, message));
    if has_placeholder(&merged["auth"]["secret_key"]) {
        refuse("auth.secret_key", "is a placeholder: set SECRET_KEY, for example with `openssl rand -hex 32`");
    }
    if list(&merged["auth"]["previous_secret_keys"]).iter().any(has_placeholder) {
        refuse("auth.previous_secret_keys", "has a placeholder: remove it, because anyone can sign tokens with it");
    }
    if has_placeholder(&merged["first_superuser"]["password"]) {
        refuse("first_superuser.password", "is a placeholder: set FIRST_SUPERUSER_PASSWORD");
    }
    let cors = &merged["cors"];
    if list(&cors["allowed_origins"]).iter().any(|origin| origin == "*") && cors["allow_credentials"] == true {
        refuse(
            "cors.allowed_origins",
            "must not be '*' together with cors.allow_credentials: list the origins in APP__CORS__ALLOWED_ORIGINS",
        );
    }
    if merged["server"]["allowed_hosts"].as_array().is_some_and(Vec::is_empty) {
        refuse("server.allowed_hosts", "is empty: set APP__SERVER__ALLOWED_HOSTS to the names that clients use");
    }
    // only with jobs: begin
    if merged["auth"]["require_verified_email"] == true && merged["mail"]["smtp_url"].is_null() {
        refuse(
            "mail.smtp_url",
            "is missing, but users can log in only after a mail has verified their address: set SMTP_URL, or \
             APP__AUTH__REQUIRE_VERIFIED_EMAIL=false",
        );
    }
    if host_of_url(text(&merged["mail"]["frontend_url"])).is_some_and(is_local) {
        refuse("mail.frontend_url", "leads to localhost: set FRONTEND_URL to where the links in mails should lead");
    }
    if domain_of_sender(text(&merged["mail"]["from"])).is_some_and(is_local) {
        refuse("mail.from", "is an address at localhost: set APP__MAIL__FROM to the sender of the mails");
    }
    // only with jobs: end
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn has_placeholder(value: &Value) -> bool {
    let secret = text(value).to_lowercase();
    PLACEHOLDERS.iter().any(|placeholder| secret.contains(placeholder))
}

// only with jobs
/// `example.com` of `https://user@example.com:8443/path`.
fn host_of_url(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next(),
        None => host.split(':').next(),
    }
}

// only with jobs
/// `example.com` of `Name <name@example.com>`.
fn domain_of_sender(sender: &str) -> Option<&str> {
    let domain = sender.rsplit_once('@')?.1.trim_end().trim_end_matches('>');
    Some(domain.trim_start_matches('[').trim_end_matches(']'))
}

// only with jobs
fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_lowercase();
    let is_local_address = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(is_local_address)
}
