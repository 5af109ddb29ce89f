//! What `APP_ENV=production` refuses.

use keel::core::config::{LogFormat, Settings};

use super::{MARKER, Variables, load};

const GOOD: Variables = &[
    ("APP_ENV", "production"),
    ("SECRET_KEY", "fbd3c1a2978e45d0b6a7c8e9f0a1b2c3"),
    ("APP__SERVER__ALLOWED_HOSTS", "api.example.com"),
    ("SMTP_URL", "smtps://smtp.example.com"),             // only with jobs
    ("APP__MAIL__FROM", "Example <noreply@example.com>"), // only with jobs
    ("FRONTEND_URL", "https://app.example.com"),          // only with jobs
];

pub(super) fn production(more: Variables) -> Result<Settings, String> {
    load(&[GOOD, more].concat())
}

#[test]
fn production_accepts_a_complete_configuration() {
    let settings =
        production(&[("FIRST_SUPERUSER", "root@example.com"), ("FIRST_SUPERUSER_PASSWORD", "correct horse")]);
    let settings = settings.unwrap();
    assert_eq!(settings.server.host, "0.0.0.0");
    assert_eq!(settings.telemetry.log_format, LogFormat::Json);
    assert!(settings.cors.allowed_origins.is_empty());
    assert!(production(&[]).unwrap().first_superuser.email.is_none(), "no superuser is created unasked");
}

#[test]
fn production_refuses_development_defaults() {
    for (name, value, key) in [
        ("SECRET_KEY", "changethis-this-key-is-for-development-only", "auth.secret_key"),
        ("SECRET_KEY", "CHANGETHIS-0123456789abcdef0123456789", "auth.secret_key"),
        ("SECRET_KEY", "your-secret-key-your-secret-key-your-secret-key", "auth.secret_key"),
        ("SECRET_KEY", "0123456789abcdef0123456789abcde", "auth.secret_key"),
        ("FIRST_SUPERUSER_PASSWORD", "changethis", "first_superuser.password"),
        ("FIRST_SUPERUSER_PASSWORD", "ChangeThis", "first_superuser.password"),
        ("APP__SERVER__ALLOWED_HOSTS", "[]", "server.allowed_hosts"),
        // only with jobs: begin
        ("FRONTEND_URL", "http://localhost:5173", "mail.frontend_url"),
        ("FRONTEND_URL", "https://user@LOCALHOST./reset", "mail.frontend_url"),
        ("FRONTEND_URL", "https://app.localhost/", "mail.frontend_url"),
        ("FRONTEND_URL", "http://127.0.0.1?page", "mail.frontend_url"),
        ("FRONTEND_URL", "http://[::1]:5173", "mail.frontend_url"),
        ("FRONTEND_URL", "http://0.0.0.0", "mail.frontend_url"),
        ("APP__MAIL__FROM", "Example <noreply@localhost>", "mail.from"),
        ("APP__MAIL__FROM", "noreply@[127.0.0.1]", "mail.from"),
        // only with jobs: end
    ] {
        let refusal = production(&[(name, value)]).map(|_| ()).unwrap_err();
        assert!(refusal.contains(&format!("\n  {key}: ")) && !refusal.contains(value), "{refusal}");
        assert_eq!(refusal.lines().count(), 2, "and nothing else: {refusal}");
    }
    let any_origin = [("APP__CORS__ALLOWED_ORIGINS", "*"), ("APP__CORS__ALLOW_CREDENTIALS", "true")];
    assert!(production(&any_origin).map(|_| ()).unwrap_err().contains("cors.allowed_origins"));
    assert!(production(&any_origin[..1]).is_ok());
}

// only with jobs
#[test]
fn production_refuses_verified_addresses_without_a_mail_server() {
    let without_server: Vec<_> = GOOD.iter().copied().filter(|(name, _)| *name != "SMTP_URL").collect();
    let refusal = load(&without_server).map(|_| ()).unwrap_err();
    assert!(refusal.contains("\n  mail.smtp_url: ") && refusal.contains("set SMTP_URL"), "{refusal}");
    load(&[&without_server[..], &[("APP__AUTH__REQUIRE_VERIFIED_EMAIL", "false")]].concat()).unwrap();
}

// only with jobs
#[test]
fn production_accepts_hosts_that_only_look_local() {
    for url in ["https://localhost.example.com", "https://example.com/localhost", "https://10.0.0.1"] {
        production(&[("FRONTEND_URL", url)]).unwrap();
    }
    production(&[("APP__MAIL__FROM", "localhost <noreply@example.com>")]).unwrap();
}

#[test]
fn production_reports_every_problem_at_once() {
    let refusal = load(&[
        ("APP_ENV", "production"),
        ("FIRST_SUPERUSER_PASSWORD", "changethis"),
        ("APP__CORS__ALLOWED_ORIGINS", "*"),
        ("APP__CORS__ALLOW_CREDENTIALS", "true"),
        ("PORT", MARKER),
        ("APP__NO__SUCH", MARKER),
    ]);
    let refusal = refusal.map(|_| ()).unwrap_err();
    for key in [
        "auth.secret_key",
        "first_superuser.password",
        "cors.allowed_origins",
        "server.allowed_hosts",
        "mail.smtp_url",     // only with jobs
        "mail.frontend_url", // only with jobs
        "mail.from",         // only with jobs
        "server.port",
        "no",
    ] {
        assert!(refusal.contains(&format!("\n  {key}: ")), "{key}: {refusal}");
    }
    assert!(!refusal.contains(MARKER) && !refusal.contains("changethis"), "{refusal}");
}

#[test]
fn development_accepts_placeholders() {
    load(&[("FIRST_SUPERUSER_PASSWORD", "changethis")]).unwrap();
}
