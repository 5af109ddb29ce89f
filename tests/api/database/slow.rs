//! Slow statements.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keel::core::database::observe;
use keel::entities::user::{Column, Entity};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing_subscriber::fmt;

use crate::support::database::TestDatabase;

/// Collects a log.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Collects what this thread logs until the guard is dropped.
    pub fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        (log, set_default(fmt().with_ansi(false).with_writer(move || writer.clone()).finish()))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn log_of_a_query(slow: Duration) -> String {
    let database = TestDatabase::migrated().await;
    let mut db = database.connect().await;
    observe(&mut db, slow);
    let (log, _guard) = Log::start();
    Entity::find().filter(Column::Email.eq("ann@example.com")).one(&db).await.unwrap();
    log.text()
}

#[tokio::test]
async fn slow_statement_is_logged_without_its_values() {
    let log = log_of_a_query(Duration::ZERO).await;
    assert!(log.contains("slow statement") && log.contains("hashed_password"), "{log}");
    assert!(!log.contains("ann@example.com"), "{log}");
}

#[tokio::test]
async fn fast_statement_is_not_logged() {
    let log = log_of_a_query(Duration::from_mins(1)).await;
    assert!(!log.contains("slow statement"), "{log}");
}
