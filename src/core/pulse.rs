//! Whether the database says anything at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sea_orm::DbErr;
use secrecy::ExposeSecret;
use tokio::time::{sleep, timeout};

use super::config::DatabaseSettings;
use super::database::{self, Db};

/// How long the database may take to say something.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to rest before it is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// A flag that copies share: false while the database is frozen. It starts as true, and stays so unless somebody
/// keeps [`Self::watch`] going. It is never freed, like the process that it belongs to, so that each request can hold it
/// without counting who does.
///
/// A statement has no time limit on this side of the connection: a server that has stopped, or a network that swallows
/// everything, keeps a request waiting until its own deadline. Requests that wait look here (`middleware::deadline`).
#[derive(Debug, Clone, Copy)]
pub struct Pulse(&'static AtomicBool);

impl Default for Pulse {
    fn default() -> Self {
        Self(Box::leak(Box::new(AtomicBool::new(true))))
    }
}

impl Pulse {
    /// Whether the database answered when it was asked last.
    #[must_use]
    pub fn is_there(self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks a server again and again, over a connection of its own: those of the pool may all be waiting. Of an
    /// `SQLite` file there is nothing to ask: it is this process that reads it.
    pub async fn watch(self, settings: DatabaseSettings) {
        if settings.url.expose_secret().starts_with("sqlite:") {
            return;
        }
        // No shorter patience than the one below, whose end means that there was no answer.
        let settings = DatabaseSettings { max_connections: 1, acquire_timeout_ms: 60_000, ..settings };
        let mut connection = None;
        loop {
            let asked = timeout(PATIENCE, ask(&settings, connection.take())).await;
            // An error is an answer: requests get it as well, and at once.
            let is_there = asked.is_ok();
            if self.0.swap(is_there, Ordering::Relaxed) != is_there {
                if is_there {
                    tracing::info!("the database answers again");
                } else {
                    tracing::error!("the database does not answer");
                }
            }
            connection = asked.ok().and_then(Result::ok);
            sleep(PAUSE).await;
        }
    }
}

/// The connection, or a new one, after it has answered.
async fn ask(settings: &DatabaseSettings, connection: Option<Db>) -> Result<Db, DbErr> {
    let connection = match connection {
        Some(connection) => connection,
        None => database::connect(settings).await?,
    };
    database::ping(&connection).await?;
    Ok(connection)
}
