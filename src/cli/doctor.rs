//! `doctor`: checks what `serve` checks at its start, and that the configured services respond. Most of the
//! configuration was checked when it was loaded.

use super::{Outcome, print, serve};
use crate::core::clock::Clock;
use crate::core::config::Settings;
use crate::core::database::{self, migrate};
use crate::core::security::{Passwords, Tokens};
use crate::core::telemetry;
use crate::mail::Mailer;
use crate::rate_limit::Limiter;
use crate::routes::frontend;
use crate::upstream::Upstream;

/// `log_filter` is the value of `RUST_LOG`.
pub(super) async fn run(settings: &Settings, log_filter: Option<&str>) -> Outcome {
    print(&format!("ok       configuration ({:?})", settings.environment))?;
    let checks = [
        ("log filter", telemetry::log_filter(log_filter).map(|_| String::new())),
        ("traces", telemetry::check_endpoint(settings).map(|()| String::new())), // only with observability
        ("first superuser", serve::first_superuser(&settings.first_superuser).map(|_| String::new())),
        ("passwords", Passwords::new(&settings.auth).map(|_| String::new())),
        ("signing keys", Tokens::new(&settings.auth).map(|_| String::new())),
        ("upstream", Upstream::new(&settings.upstream).map(|_| String::new())), // only with external
        ("frontend", frontend::check(&settings.server).map(|()| String::new())),
        ("smtp", smtp(settings).await), // only with jobs
        ("redis", redis(settings).await),
        ("database", database(settings).await),
    ];
    let mut problems = Vec::new();
    for (name, outcome) in checks {
        match outcome {
            Ok(detail) => print(format!("ok       {name} {detail}").trim_end())?,
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

// only with jobs
async fn smtp(settings: &Settings) -> Result<String, String> {
    if !Mailer::new(&settings.mail)?.is_reachable().await {
        return Err("mail.smtp_url: the server does not respond".to_owned());
    }
    Ok(if settings.mail.smtp_url.is_some() { String::new() } else { "(not used)".to_owned() })
}

async fn redis(settings: &Settings) -> Result<String, String> {
    if Limiter::new(settings, Clock::system())?.is_degraded().await {
        return Err("redis.url: Redis does not respond".to_owned());
    }
    Ok(if settings.redis.url.is_some() { String::new() } else { "(not used)".to_owned() })
}

async fn database(settings: &Settings) -> Result<String, String> {
    let refused = |error| format!("database.url: {error}");
    let db = super::connect(&settings.database).await?;
    database::ping(&db).await.map_err(refused)?;
    let pending = migrate::status(&db).await.map_err(refused)?.iter().filter(|status| !status.applied).count();
    let backend = db.get_database_backend().as_str();
    match (pending, settings.database.auto_migrate) {
        (0, _) => Ok(format!("({backend}), migrations applied")),
        (pending, true) => Ok(format!("({backend}), {pending} migrations pending, applied at startup")),
        (pending, false) => Err(format!("{pending} migrations are pending, and database.auto_migrate is off")),
    }
}
