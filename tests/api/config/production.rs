//! What `APP_ENV=production` refuses, and that the files which describe the settings are complete.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use keel::core::config::{LogFormat, Settings};

use super::{MARKER, Variables, load};

const GOOD: [(&str, &str); 3] = [
    ("APP_ENV", "production"),
    ("SECRET_KEY", "fbd3c1a2978e45d0b6a7c8e9f0a1b2c3"),
    ("APP__SERVER__ALLOWED_HOSTS", "api.example.com"),
];

fn production(more: Variables) -> Result<Settings, String> {
    load(&[&GOOD, more].concat())
}

#[test]
fn production_starts_with_what_it_needs() {
    let settings =
        production(&[("FIRST_SUPERUSER", "root@example.com"), ("FIRST_SUPERUSER_PASSWORD", "correct horse")]);
    let settings = settings.unwrap();
    assert_eq!(settings.server.host, "0.0.0.0");
    assert_eq!(settings.telemetry.log_format, LogFormat::Json);
    assert!(settings.cors.allowed_origins.is_empty());
    assert!(production(&[]).unwrap().first_superuser.email.is_none(), "nobody is created unasked");
}

#[test]
fn production_refuses_what_is_only_good_for_a_start() {
    for (name, value, key) in [
        ("SECRET_KEY", "changethis-this-key-is-for-development-only", "auth.secret_key"),
        ("SECRET_KEY", "CHANGETHIS-0123456789abcdef0123456789", "auth.secret_key"),
        ("SECRET_KEY", "your-secret-key-your-secret-key-your-secret-key", "auth.secret_key"),
        ("SECRET_KEY", "0123456789abcdef0123456789abcde", "auth.secret_key"),
        ("FIRST_SUPERUSER_PASSWORD", "changethis", "first_superuser.password"),
        ("FIRST_SUPERUSER_PASSWORD", "ChangeThis", "first_superuser.password"),
        ("APP__SERVER__ALLOWED_HOSTS", "[]", "server.allowed_hosts"),
    ] {
        let refusal = production(&[(name, value)]).map(|_| ()).unwrap_err();
        assert!(refusal.contains(&format!("\n  {key}: ")) && !refusal.contains(value), "{refusal}");
        assert_eq!(refusal.lines().count(), 2, "and nothing else: {refusal}");
    }
    let everybody = [("APP__CORS__ALLOWED_ORIGINS", "*"), ("APP__CORS__ALLOW_CREDENTIALS", "true")];
    assert!(production(&everybody).map(|_| ()).unwrap_err().contains("cors.allowed_origins"));
    assert!(production(&everybody[..1]).is_ok());
}

#[test]
fn production_refuses_everything_at_once() {
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
        "server.port",
        "no",
    ] {
        assert!(refusal.contains(&format!("\n  {key}: ")), "{key}: {refusal}");
    }
    assert!(!refusal.contains(MARKER) && !refusal.contains("changethis"), "{refusal}");
}

#[test]
fn other_environments_do_not() {
    for environment in ["development", "test"] {
        load(&[("APP_ENV", environment), ("FIRST_SUPERUSER_PASSWORD", "changethis")]).unwrap();
    }
}

/// Every key of `config/default.toml`, those that are commented out as well: `server.port`.
fn documented_keys() -> Vec<String> {
    let text = read("config/default.toml");
    let mut section = "";
    let mut keys = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((key, _)) = line.trim_start_matches("# ").split_once(" = ")
            && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        {
            keys.push(format!("{section}.{key}"));
        }
    }
    keys
}

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn default_toml_names_every_setting_and_no_other() {
    let schema = keel::validation::schema::schema_of::<Settings>();
    let members = |schema: &serde_json::Value| -> Vec<String> {
        schema["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let mut settings = Vec::new();
    for section in members(&schema) {
        let pointer = schema["properties"][&section]["$ref"].as_str().unwrap().trim_start_matches('#');
        let keys = members(schema.pointer(pointer).unwrap());
        settings.extend(keys.into_iter().map(|key| format!("{section}.{key}")));
    }
    let documented: HashSet<String> = documented_keys().into_iter().collect();
    assert_eq!(documented, settings.into_iter().collect());
}

#[test]
fn the_example_of_an_environment_names_every_setting() {
    let example = read(".env.example");
    let missing: Vec<String> = documented_keys()
        .into_iter()
        .map(|key| format!("APP__{}=", key.to_uppercase().replace('.', "__")))
        .filter(|variable| !example.contains(variable))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
