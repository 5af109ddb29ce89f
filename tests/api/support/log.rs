//! Reads everything that is logged while the suite runs, at every level and from every crate, and ends the suite at the
//! first secret.

use std::io::{self, Write};
use std::sync::{LazyLock, Once};

use keel::core::security::API_KEY_PREFIX;
use keel::core::telemetry::is_free_of_secrets;
use regex::RegexSet;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use super::database::NAME_PREFIX;
use super::recorder::CountTransactions;

/// Patterns of the secrets in the suite.
static SECRETS: LazyLock<RegexSet> = LazyLock::new(|| {
    RegexSet::new([
        // Access tokens, API keys and other tokens, or parts of them.
        r"eyJ[A-Za-z0-9_-]{8,}",
        &format!("{API_KEY_PREFIX}[A-Za-z0-9_-]{{43}}($|[^A-Za-z0-9_-])"), // only with api_keys
        r"[?&]\w*(token|ticket|password)=",
        r"(^|[^A-Za-z0-9_/-])[A-Za-z0-9_-]{86}($|[^A-Za-z0-9_-])",
        r"(^|[^A-Za-z0-9_/-])[A-Za-z0-9_-]{43}($|[^A-Za-z0-9_-])",
        // The URL of the database, which may contain a password.
        "postgres://",
        // Passwords and their hashes.
        "horse battery",
        "kettle with (a )?lid",
        "set by a superuser",
        r"\$argon2id\$",
        r"\$2[aby]\$[0-9]",
        // Keys.
        "changethis",
        "BEGIN PRIVATE KEY",
    ])
    .unwrap()
});

/// Starts to read the log. The first call does it for all tests.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = fmt::layer().with_ansi(false).with_writer(|| Watch);
        tracing_subscriber::registry().with(filter_fn(is_free_of_secrets)).with(lines).with(CountTransactions).init();
    });
}

struct Watch;

impl Write for Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The names of databases look like secrets.
        let text = String::from_utf8_lossy(line).replace(NAME_PREFIX, "");
        // Lines of the suite's own WebSocket client do not come from the service.
        if SECRETS.is_match(&text) && !text.contains(" tungstenite::handshake::client: ") {
            let mut stderr = io::stderr();
            let _ = writeln!(stderr, "\na secret was logged: {text}");
            std::process::exit(101);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
