//! Settings that follow from other settings unless they are set.

use serde_json::Value;

use super::settings::Environment;

/// Fills in `server.public_url` (in development) and `auth.issuer`.
pub(super) fn fill_in(environment: Environment, merged: &mut Value) {
    if environment != Environment::Production && merged["server"]["public_url"].is_null() {
        let port = &merged["server"]["port"];
        let port = port.as_str().map_or_else(|| port.to_string(), str::to_owned);
        set(merged, "server", "public_url", format!("http://localhost:{port}"));
    }
    if merged["auth"]["issuer"].is_null() {
        let public_url = merged["server"]["public_url"].as_str().unwrap_or(env!("CARGO_PKG_NAME")).to_owned();
        set(merged, "auth", "issuer", public_url);
    }
}

/// A section that is not a table is left to the checks that follow.
fn set(merged: &mut Value, section: &str, key: &str, value: String) {
    if let Some(section) = merged.get_mut(section).and_then(Value::as_object_mut) {
        section.insert(key.to_owned(), value.into());
    }
}
