//! Where settings come from, which of them are refused, and the error messages.

mod derived;
mod documentation;
mod production;
mod redis;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use keel::core::config::{self, Environment, LogFormat, Settings, Sources};
use secrecy::ExposeSecret;
use tempfile::TempDir;

/// A value that no message may repeat.
const MARKER: &str = "s3cr3t-7f3a";

type Variables<'a> = &'a [(&'a str, &'a str)];

fn map(variables: Variables) -> HashMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Settings from what is compiled in and these variables.
fn load(variables: Variables) -> Result<Settings, String> {
    config::load(&Sources { variables: map(variables), ..Sources::default() }).map_err(|error| error.to_string())
}

/// Why these variables are refused: a message that repeats no value.
#[track_caller]
fn refusal(variables: Variables) -> String {
    let refusal = load(variables).map(|_| ()).unwrap_err();
    assert!(!refusal.contains(MARKER), "{refusal}");
    refusal
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load_from(folder: &Path, dotenv: Variables, variables: Variables) -> Result<Settings, String> {
    let sources = Sources { folder: Some(folder.to_owned()), dotenv: map(dotenv), variables: map(variables) };
    config::load(&sources).map_err(|error| error.to_string())
}

#[test]
fn later_source_overrides_earlier_ones() {
    let port = |folder: &TempDir, dotenv: Variables, variables: Variables| {
        load_from(folder.path(), dotenv, variables).unwrap().server.port
    };
    let files = [
        ("default.toml", "[server]\nport = 1001"),
        ("development.toml", "[server]\nport = 1002"),
        ("local.toml", "[server]\nport = 1003"),
        ("production.toml", "[server]\nport = 9999"),
        ("unrelated.toml", "[server]\nport = 9998"),
    ];
    assert_eq!(port(&folder(&[]), &[], &[]), 8000, "what is compiled in");
    assert_eq!(port(&folder(&files[..1]), &[], &[]), 1001);
    assert_eq!(port(&folder(&files[..2]), &[], &[]), 1002);
    let all = folder(&files);
    assert_eq!(port(&all, &[], &[]), 1003);
    assert_eq!(port(&all, &[("PORT", "1004")], &[]), 1004);
    assert_eq!(port(&all, &[("PORT", "1004")], &[("PORT", "1005")]), 1005);
    assert_eq!(port(&all, &[("APP__SERVER__PORT", "1004")], &[("PORT", "1005")]), 1005, "layers before names");
    assert_eq!(port(&all, &[], &[("PORT", "1004"), ("APP__SERVER__PORT", "1005")]), 1005, "the long name");
    assert_eq!(port(&all, &[("PORT", "1004"), ("APP__SERVER__PORT", "1005")], &[]), 1005, "the long name");
}

#[test]
fn layer_changes_only_its_own_keys() {
    let files = folder(&[("local.toml", "[server]\nport = 1003\n[cors]\nallow_credentials = false")]);
    let settings = load_from(files.path(), &[], &[("APP__SERVER__HOST", "::1")]).unwrap();
    assert_eq!((settings.server.port, settings.server.host.as_str()), (1003, "::1"));
    assert_eq!(settings.server.allowed_hosts, ["localhost", "127.0.0.1", "[::1]"]);
    assert_eq!((settings.cors.allow_credentials, settings.cors.allowed_origins.len()), (false, 2));
}

#[test]
fn missing_config_folder_is_ignored() {
    assert!(load_from(Path::new("/nowhere/at/all"), &[], &[]).is_ok());
}

#[test]
fn file_that_cannot_be_read_is_refused_by_name() {
    for name in ["default.toml", "development.toml", "local.toml"] {
        let files = folder(&[]);
        fs::create_dir(files.path().join(name)).unwrap();
        let refusal = load_from(files.path(), &[], &[]).unwrap_err();
        assert!(refusal.contains(name) && refusal.contains("cannot be read"), "{refusal}");
    }
}

#[cfg(unix)]
#[test]
fn link_to_a_missing_file_is_refused_by_name() {
    let files = folder(&[]);
    std::os::unix::fs::symlink("nowhere.toml", files.path().join("local.toml")).unwrap();
    let refusal = load_from(files.path(), &[], &[]).unwrap_err();
    assert!(refusal.contains("local.toml: cannot be read"), "{refusal}");
}

#[test]
fn short_names_set_their_settings() {
    let settings = load(&[
        ("HOST", "0.0.0.0"),
        ("PORT", "80"),
        ("DATABASE_URL", "postgres://localhost/keel"),
        ("SECRET_KEY", "0123456789abcdef0123456789abcdef"),
        ("FIRST_SUPERUSER", "root@example.com"),
        ("FIRST_SUPERUSER_PASSWORD", "correct horse"),
    ])
    .unwrap();
    assert_eq!((settings.server.host.as_str(), settings.server.port), ("0.0.0.0", 80));
    assert_eq!(settings.database.url.expose_secret(), "postgres://localhost/keel");
    assert_eq!(settings.auth.secret_key.expose_secret(), "0123456789abcdef0123456789abcdef");
    assert_eq!(settings.first_superuser.email.as_deref(), Some("root@example.com"));
    assert_eq!(settings.first_superuser.password.unwrap().expose_secret(), "correct horse");
}

#[test]
fn variables_are_read_as_the_type_of_the_setting() {
    let settings = load(&[
        ("APP__SERVER__DOCS", "false"),
        ("APP__SERVER__REQUEST_TIMEOUT_SECONDS", "7"),
        ("APP__TELEMETRY__LOG_FORMAT", "json"),
        ("APP__AUTH__ISSUER", "007"),
        ("FIRST_SUPERUSER_PASSWORD", "12345678"),
    ])
    .unwrap();
    assert_eq!((settings.server.docs, settings.server.request_timeout_seconds), (false, 7));
    assert_eq!((settings.telemetry.log_format, settings.auth.issuer.as_str()), (LogFormat::Json, "007"));
    assert_eq!(settings.first_superuser.password.unwrap().expose_secret(), "12345678");
}

#[test]
fn list_setting_is_json_or_separated_by_commas() {
    for text in [r#"["a.example", "*.b.example"]"#, "a.example,*.b.example", " a.example , *.b.example "] {
        let settings = load(&[("APP__SERVER__ALLOWED_HOSTS", text)]).unwrap();
        assert_eq!(settings.server.allowed_hosts, ["a.example", "*.b.example"], "{text}");
    }
    assert_eq!(load(&[("APP__SERVER__ALLOWED_HOSTS", "[::1]")]).unwrap().server.allowed_hosts, ["[::1]"]);
    assert_eq!(
        load(&[("APP__SERVER__ALLOWED_HOSTS", "[::1],localhost")]).unwrap().server.allowed_hosts,
        ["[::1]", "localhost"]
    );
    assert!(load(&[("APP__CORS__ALLOWED_ORIGINS", "[]")]).unwrap().cors.allowed_origins.is_empty());
}

#[test]
fn empty_variable_counts_as_absent() {
    let settings = load(&[
        ("PORT", ""),
        ("APP__SERVER__PORT", ""),
        ("APP__SERVER__ALLOWED_HOSTS", ""),
        ("DATABASE_URL", ""),
        ("APP__NO__SUCH_KEY", ""),
    ])
    .unwrap();
    assert_eq!((settings.server.port, settings.server.allowed_hosts.len()), (8000, 3));
    assert_eq!(
        config::load(&Sources { variables: map(&[("APP_ENV", "")]), ..Sources::default() }).unwrap().server.port,
        8000
    );
    let settings = load_from(Path::new("/"), &[("PORT", "1004")], &[("PORT", "")]).unwrap();
    assert_eq!(settings.server.port, 1004, "nor does it hide another layer's");
}

#[test]
fn unknown_key_is_refused_by_name() {
    for (name, key) in [
        ("APP__SERVER__PROT", "server.prot"),
        ("APP__SEVER__PORT", "sever"),
        ("APP__DATABASE__URL__X", "database.url"),
        ("APP__SERVER", "server"),
        ("APP__SECRET_KEY", "secret_key"),
        ("APP__", ""),
        ("APP__SERVER__", "server"),
        ("APP__SERVER__PORT[0]", "server.port"),
        ("APP__SERVER__ALLOWED_HOSTS[0]", "server.allowed_hosts[0]"),
        // An index that no list can have.
        ("APP__SERVER__ALLOWED_HOSTS[9223372036854775807]", "server.allowed_hosts"),
        ("APP__SERVER__ALLOWED_HOSTS[-9223372036854775808]", "server.allowed_hosts"),
    ] {
        let refusal = refusal(&[(name, MARKER)]);
        assert!(refusal.contains(key), "{name}: {refusal}");
    }
    for (text, key) in [
        ("[server]\nprot = \"s3cr3t-7f3a\"", "server.prot"),
        ("[sever]\nport = \"s3cr3t-7f3a\"", "sever"),
        ("colour = \"s3cr3t-7f3a\"", "colour"),
    ] {
        let refusal = load_from(folder(&[("local.toml", text)]).path(), &[], &[]).unwrap_err();
        assert!(refusal.contains(key) && !refusal.contains(MARKER), "{refusal}");
    }
}

#[test]
fn every_problem_is_reported_at_once_without_values() {
    let refusal = refusal(&[
        ("PORT", MARKER),
        ("DATABASE_URL", "mysql://root:s3cr3t-7f3a@localhost/x"),
        ("SECRET_KEY", MARKER),
        ("FIRST_SUPERUSER", MARKER),
        ("FIRST_SUPERUSER_PASSWORD", "\"s3cr\""),
        ("APP__SERVER__DOCS", MARKER),
        ("APP__SERVER__MAX_CONNECTIONS", "0"),
        ("APP__CORS__ALLOWED_ORIGINS", "https://fine.example,s3cr3t-7f3a"),
        ("APP__TELEMETRY__LOG_FORMAT", MARKER),
        ("APP__DATABASE__ACQUIRE_TIMEOUT_MS", "-1"),
        ("APP__NO__SUCH", MARKER),
    ]);
    for key in [
        "server.port",
        "database.url",
        "auth.secret_key",
        "first_superuser.email",
        "first_superuser.password",
        "server.docs",
        "server.max_connections",
        "cors.allowed_origins.1",
        "telemetry.log_format",
        "database.acquire_timeout_ms",
        "no",
    ] {
        assert!(refusal.contains(&format!("\n  {key}: ")), "{key}: {refusal}");
    }
    assert!(!refusal.contains("s3cr"), "{refusal}");
}

#[test]
fn number_out_of_bounds_is_refused() {
    for (name, value) in [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("APP__SERVER__REQUEST_TIMEOUT_SECONDS", "0"),
        ("APP__SERVER__HEADER_TIMEOUT_SECONDS", "9223372036854775807"),
        ("APP__DATABASE__STATEMENT_TIMEOUT_MS", "3000000000"),
        ("APP__SERVER__MAX_BODY_BYTES", "18446744073709551616"),
        ("APP__SERVER__MAX_CONNECTIONS", "1000001"),
        ("APP__DATABASE__MAX_CONNECTIONS", "4294967296"),
        ("APP__AUTH__ACCESS_TOKEN_SECONDS", "99999999999"),
    ] {
        load(&[(name, value)]).map(|_| ()).expect_err(name);
    }
}

#[test]
fn number_that_the_schema_accepts_is_refused_without_its_value() {
    let refused = refusal(&[("APP__SERVER__MAX_BODY_BYTES", "18446744073709551615")]);
    assert!(refused.contains("\n  server.max_body_bytes: ") && !refused.contains("1844"), "{refused}");
    assert!(!refused.contains("1.8"), "{refused}");
}

#[test]
fn host_that_no_request_can_match_is_refused() {
    for host in ["http://localhost", "localhost:9111", "localhost/", "*example.com", "a.*.com", "::1", "é.com"] {
        let hosts = format!("localhost,{host}");
        let refused = refusal(&[("APP__SERVER__ALLOWED_HOSTS", hosts.as_str())]);
        assert!(refused.contains("\n  server.allowed_hosts.1: "), "{host}: {refused}");
    }
    let matching = "*,localhost,my_service,*.Example.com,127.0.0.1,[::1],xn--9ca.com";
    load(&[("APP__SERVER__ALLOWED_HOSTS", matching)]).unwrap();
}

#[test]
fn origin_that_no_browser_sends_is_refused() {
    for origin in [
        "https://App.Example.com",
        "HTTPS://example.com",
        "https://example.com:443",
        "http://example.com:80",
        "http://[::1]:80",
        "http://é.com",
        "https://example.com/",
        "https://user@example.com",
        "https://*.example.com",
        "example.com",
        "null",
    ] {
        let origins = format!("https://fine.example,{origin}");
        let refused = refusal(&[("APP__CORS__ALLOWED_ORIGINS", origins.as_str())]);
        assert!(refused.contains("\n  cors.allowed_origins.1: "), "{origin}: {refused}");
    }
    let sent = "*,http://localhost:5173,https://example.com:80,http://example.com:443,http://[::1]:3000,https://[::80]";
    load(&[("APP__CORS__ALLOWED_ORIGINS", sent)]).unwrap();
}

#[test]
fn network_that_does_not_exist_is_refused_by_name() {
    for network in ["10.0.0.0", "10.0.0.0/33", "fd00::/129", "x/8"] {
        let refused = refusal(&[("APP__SERVER__TRUSTED_PROXIES", network)]);
        assert!(refused.contains("server.trusted_proxies"), "{network}: {refused}");
    }
    load(&[("APP__SERVER__TRUSTED_PROXIES", "10.0.0.0/8,fd00::/64,::1/128,0.0.0.0/0")]).unwrap();
}

#[test]
fn invalid_toml_is_reported_by_file_name_without_its_content() {
    for name in ["default.toml", "development.toml", "local.toml"] {
        let files = folder(&[(name, "[auth]\nsecret_key = s3cr3t-7f3a")]);
        let refusal = load_from(files.path(), &[], &[]).unwrap_err();
        assert!(refusal.contains(name) && !refusal.contains(MARKER), "{refusal}");
    }
}

#[test]
fn only_development_and_production_are_environments() {
    assert_eq!(load(&[]).unwrap().environment, Environment::Development);
    assert_eq!(load(&[("APP_ENV", "development")]).unwrap().environment, Environment::Development);
    for name in ["test", "staging", "Production", "live", MARKER, "../test"] {
        let refusal = refusal(&[("APP_ENV", name)]);
        assert!(refusal.contains("APP_ENV") && !refusal.contains(name), "{refusal}");
    }
    let in_dotenv = [("APP_ENV", "production")];
    load_from(Path::new("/"), &in_dotenv, &[]).map(|_| ()).expect_err("production refuses the defaults");
    load_from(Path::new("/"), &in_dotenv, &[("APP_ENV", "")]).map(|_| ()).expect_err("empty counts as absent");
    load_from(Path::new("/"), &in_dotenv, &[("APP_ENV", "development")]).unwrap();
}
