//! What `APP_ENV=production` refuses: settings that are good for a start and dangerous in earnest.

use serde_json::Value;

use super::problem;
use super::settings::Environment;
use crate::validation::schema::Problem;

/// What placeholders for secrets look like.
const PLACEHOLDERS: [&str; 6] = ["changethis", "change-me", "changeme", "your-secret", "placeholder", "insecure"];

/// Adds a problem for each setting that must not reach production.
pub(super) fn refuse(environment: Environment, merged: &Value, problems: &mut Vec<Problem>) {
    if environment != Environment::Production {
        return;
    }
    let is_placeholder = |value: &Value| {
        let text = value.as_str().unwrap_or_default().to_lowercase();
        PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder))
    };
    if is_placeholder(&merged["auth"]["secret_key"]) {
        problems.push(problem("auth.secret_key", "is a placeholder: set SECRET_KEY, as from `openssl rand -hex 32`"));
    }
    if merged["auth"]["previous_secret_keys"].as_array().is_some_and(|keys| keys.iter().any(is_placeholder)) {
        problems
            .push(problem("auth.previous_secret_keys", "has a placeholder: tokens signed with it would be accepted"));
    }
    if is_placeholder(&merged["first_superuser"]["password"]) {
        problems.push(problem("first_superuser.password", "is a placeholder: set FIRST_SUPERUSER_PASSWORD"));
    }
    let origins = merged["cors"]["allowed_origins"].as_array();
    if origins.is_some_and(|origins| origins.iter().any(|origin| origin == "*"))
        && merged["cors"]["allow_credentials"] == true
    {
        problems.push(problem("cors.allowed_origins", "must not be '*' together with cors.allow_credentials"));
    }
    if merged["server"]["allowed_hosts"].as_array().is_some_and(Vec::is_empty) {
        problems
            .push(problem("server.allowed_hosts", "is empty: set APP__SERVER__ALLOWED_HOSTS to the names clients use"));
    }
}
