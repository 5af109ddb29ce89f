//! The binary, as an operator runs it: with an environment of its own, in a folder of its own.

mod jobs;
pub mod limited;
mod metrics;
mod serve;
mod several;
mod traces;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use keel::routes::Dashboard;
use keel::schemas::user::UserRead;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::TestApp;
use crate::support::app::SETTINGS;
use crate::support::database::TestDatabase;

/// A value that nothing may print.
const MARKER: &str = "s3cr3t-7f3a";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The binary with these arguments, in an empty environment.
fn bare(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keel"));
    command.args(arguments).env_clear().current_dir(folder).stdin(Stdio::null());
    command
}

/// The binary on a test's database.
fn command(folder: &Path, database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut command = bare(folder, arguments);
    command.env("APP_CONFIG_DIR", SETTINGS).env("DATABASE_URL", &database.url);
    command
}

/// Whether the command succeeds, and its output. Fails if that contains a secret.
#[track_caller]
fn run(command: &mut Command, input: &str) -> (bool, String) {
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses its arguments does not wait for its input.
    let _ = child.stdin.as_ref().unwrap().write_all(input.as_bytes());
    let finished = child.wait_with_output().unwrap();
    let output = [finished.stdout, finished.stderr].concat();
    let output = String::from_utf8(output).unwrap();
    assert!(!output.contains(MARKER), "{output}");
    (finished.status.success(), output)
}

/// The output of a command that succeeds.
#[track_caller]
fn succeeds(command: &mut Command) -> String {
    let (success, output) = run(command, "");
    assert!(success, "{output}");
    output
}

/// The output of a command that fails.
#[track_caller]
fn fails(command: &mut Command) -> String {
    let (success, output) = run(command, "");
    assert!(!success, "{output}");
    output
}

#[test]
fn openapi_prints_the_document() {
    // Nothing has to be configured for it, nor right.
    let output = succeeds(bare(folder().path(), &["openapi"]).env("PORT", MARKER));
    let document: Value = serde_json::from_str(&output).unwrap();
    assert_eq!(document, serde_json::to_value(keel::app::document(Dashboard::Off)).unwrap());
}

#[test]
fn no_command_starts_with_a_bad_configuration() {
    let folder = folder();
    for arguments in [&["serve"][..], &[], &["migrate", "up"], &["doctor"], &["healthcheck"]] {
        let output = fails(bare(folder.path(), arguments).env("PORT", MARKER).env("APP__SERVER__PROT", MARKER));
        assert!(output.contains("server.port") && output.contains("server.prot"), "{arguments:?}: {output}");
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn production_does_not_start_with_development_defaults() {
    for command in ["serve", "worker", "doctor"] {
        let output = fails(bare(folder().path(), &[command]).env("APP_ENV", "production"));
        for hint in [
            "SECRET_KEY",
            "APP__SERVER__ALLOWED_HOSTS",
            "SMTP_URL",        // only with jobs
            "FRONTEND_URL",    // only with jobs
            "APP__MAIL__FROM", // only with jobs
        ] {
            assert!(output.contains(&format!("set {hint}")), "{hint}: {output}");
        }
    }
}

#[test]
fn settings_come_from_the_working_folder_too() {
    let folder = folder();
    fs::create_dir(folder.path().join("config")).unwrap();
    fs::write(folder.path().join("config/local.toml"), "[server]\nfrom_file = 1").unwrap();
    fs::write(folder.path().join(".env"), "APP__SERVER__FROM_DOTENV=s3cr3t-7f3a\n# a comment\nPORT=\"8001\"\n")
        .unwrap();
    let output = fails(&mut bare(folder.path(), &["doctor"]));
    assert!(output.contains("server.from_file") && output.contains("server.from_dotenv"), "{output}");

    fs::write(folder.path().join(".env"), "SECRET_KEY='s3cr3t-7f3a\n").unwrap();
    let output = fails(&mut bare(folder.path(), &["doctor"]));
    assert!(output.contains(".env"), "{output}");

    let elsewhere = self::folder();
    fs::write(elsewhere.path().join("local.toml"), "[server]\nfrom_elsewhere = 1").unwrap();
    fs::remove_file(folder.path().join(".env")).unwrap();
    let output = fails(bare(folder.path(), &["doctor"]).env("APP_CONFIG_DIR", elsewhere.path()));
    assert!(output.contains("server.from_elsewhere") && !output.contains("server.from_file"), "{output}");

    let output = fails(bare(folder.path(), &["doctor"]).env("APP_CONFIG_DIR", "missing"));
    assert!(output.contains("APP_CONFIG_DIR: is not a folder"), "{output}");
}

#[test]
fn invalid_database_url_is_reported_without_its_value() {
    let url = format!("postgres://app:{MARKER}@localhost:port/app");
    for arguments in [&["doctor"][..], &["migrate", "status"], &["serve"]] {
        let output = fails(bare(folder().path(), arguments).env("DATABASE_URL", &url));
        assert!(output.contains("database.url") && output.contains("port"), "{output}");
    }
}

#[cfg(unix)]
#[test]
fn setting_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let value = std::ffi::OsStr::from_bytes(b"\xff a key that is not UTF-8, but long enough");
    let output = fails(bare(folder().path(), &["doctor"]).env("SECRET_KEY", value));
    assert!(output.contains("SECRET_KEY: is not UTF-8"), "{output}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn output_that_cannot_be_written_is_an_error() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    for arguments in [&["migrate", "status"][..], &["doctor"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = command(folder.path(), &database, arguments);
        let finished = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let stderr = String::from_utf8(finished.stderr).unwrap();
        assert_eq!(finished.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("No space left"), "{stderr}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn error_that_cannot_be_written_keeps_the_exit_code() {
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let status = bare(folder().path(), &["doctor"]).env("PORT", MARKER).stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[tokio::test]
async fn migrations_are_applied_listed_and_reverted() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let migrate =
        |arguments: &[&str]| succeeds(&mut command(folder.path(), &database, &[&["migrate"], arguments].concat()));
    let count = |output: &str, what: &str| output.lines().filter(|line| line.starts_with(what)).count();

    let all = count(&migrate(&["status"]), "pending");
    assert!(all > 0);
    assert!(migrate(&["up"]).contains(&format!("{all} applied")));
    assert_eq!(count(&migrate(&["status"]), "applied"), all);
    assert!(migrate(&["up"]).contains("0 applied"));
    migrate(&["down"]);
    let output = migrate(&["status"]);
    assert_eq!((count(&output, "applied"), count(&output, "pending")), (all - 1, 1));
    migrate(&["down", &all.to_string()]);
    assert_eq!(count(&migrate(&["status"]), "pending"), all);
    migrate(&["up"]);
}

#[tokio::test]
async fn superuser_is_created_once() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    let create = |email: &str, password: &str| {
        run(&mut command(folder.path(), &database, &["create-superuser", "--email", email]), password)
    };
    let (success, output) = create("root@example.com", "s3cr3t-7f3a of the house\r\nanother line\n");
    assert!(success && output.contains("root@example.com"), "{output}");
    for email in ["root@example.com", "ROOT@example.com"] {
        let (success, output) = create(email, "s3cr3t-7f3a of another house\n");
        assert!(!success && output.contains("already exists"), "{output}");
    }
    for (email, password) in
        [("no address", "s3cr3t-7f3a of the house\n"), ("ann@example.com", "s3cr3t\n"), ("ann@example.com", "")]
    {
        let (success, output) = create(email, password);
        assert!(!success && !output.contains("s3cr"), "{output}");
    }

    let app = TestApp::on(database, |_| {}).await;
    let login = [("username", "root@example.com"), ("password", "s3cr3t-7f3a of the house")];
    let token: Value = app.anonymous().form("/token", &login).await.ok();
    let user: UserRead = app.bearer(token["access_token"].as_str().unwrap()).get("/users/me").await.ok();
    assert!(user.is_superuser);
}

#[tokio::test]
async fn database_without_tables_is_named_when_a_superuser_is_created() {
    let (folder, database) = (folder(), TestDatabase::empty().await);
    for arguments in [&["create-superuser", "--email", "root@example.com"][..], &["serve"]] {
        let mut command = command(folder.path(), &database, arguments);
        command.env("APP__DATABASE__AUTO_MIGRATE", "false").env("PORT", "0");
        let (success, output) = run(&mut command, "s3cr3t-7f3a of the house\n");
        assert!(!success && output.contains("error: ") && output.contains("users"), "{output}");
        assert!(!output.contains("Internal Server Error"), "{output}");
    }
}

#[tokio::test]
async fn doctor_refuses_what_serve_refuses() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let long_email = format!("{}@{}example.com", "r".repeat(60), "sub-domain-of-a-long-address.".repeat(8));
    for (name, value, problem) in [
        ("RUST_LOG", "[[[", "RUST_LOG: "),
        ("APP__TELEMETRY__OTLP_ENDPOINT", "http://[", "telemetry.otlp_endpoint: "), // only with observability
        ("FIRST_SUPERUSER", long_email.as_str(), "first_superuser.email: "),
        ("FIRST_SUPERUSER_PASSWORD", "s3cr3t-7f3a\u{7}", "first_superuser.password: "),
    ] {
        for arguments in [&["doctor"], &["serve"]] {
            let output = fails(command(folder.path(), &database, arguments).env("PORT", "0").env(name, value));
            assert!(output.contains(problem), "{arguments:?} {name}: {output}");
        }
    }
}

#[tokio::test]
async fn doctor_reports_working_services() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    let output = succeeds(&mut command(folder.path(), &database, &["doctor"]));
    for what in ["configuration", "database", "migrations"] {
        assert!(output.lines().any(|line| line.starts_with("ok") && line.contains(what)), "{what}: {output}");
    }

    let database = TestDatabase::empty().await;
    let output = fails(command(folder.path(), &database, &["doctor"]).env("APP__DATABASE__AUTO_MIGRATE", "false"));
    assert!(output.contains("pending"), "{output}");
}

// only with jobs
#[tokio::test]
async fn invalid_sender_of_mails_is_reported_before_the_server_listens() {
    let (folder, database) = (folder(), TestDatabase::migrated().await);
    for arguments in [&["serve"], &["worker"]] {
        let output = fails(command(folder.path(), &database, arguments).env("APP__MAIL__FROM", "no address"));
        assert!(output.contains("mail.from") && !output.contains("listening"), "{output}");
    }
}

#[tokio::test]
async fn doctor_reports_problems_without_values() {
    let folder = folder();
    for url in ["sqlite:///proc/s3cr3t-7f3a/keel.db", "postgres://keel:s3cr3t-7f3a@127.0.0.1:1/s3cr3t-7f3a"] {
        let output = fails(bare(folder.path(), &["doctor"]).env("DATABASE_URL", url));
        assert!(output.contains("database.url"), "{output}");
    }
    // only with jobs: begin
    let database = TestDatabase::migrated().await;
    let smtp = format!("smtp://keel:{MARKER}@127.0.0.1:1");
    let output = fails(command(folder.path(), &database, &["doctor"]).env("SMTP_URL", smtp));
    assert!(output.contains("mail.smtp_url: the server does not respond"), "{output}");
    // only with jobs: end
    let database = TestDatabase::empty().await;
    let output = fails(command(folder.path(), &database, &["doctor"]).env("PORT", MARKER).env("SECRET_KEY", MARKER));
    assert!(output.contains("server.port") && output.contains("auth.secret_key"), "{output}");
}

#[test]
fn healthcheck_fails_without_a_server() {
    // Nothing listens on a port that only the system may use.
    fails(bare(folder().path(), &["healthcheck"]).env("PORT", "1"));
}
