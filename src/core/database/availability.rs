//! Tells an unavailable database from a bug.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// SQLite's result code for a lock that another connection holds.
const SQLITE_BUSY: i32 = 5;
/// SQLite's result codes for: busy, locked, read-only, I/O error, disk full, cannot open.
const SQLITE_UNAVAILABLE: [i32; 6] = [SQLITE_BUSY, 6, 8, 10, 13, 14];
/// Classes of SQLSTATE: connection, resources, operator intervention (and the statement timeout), system error,
/// rollbacks that a retry may avoid.
const POSTGRES_UNAVAILABLE_CLASSES: [&str; 5] = ["08", "53", "57", "58", "40"];
/// SQLSTATEs: the server is read-only, a lock was not available in time.
const POSTGRES_UNAVAILABLE: [&str; 2] = ["25006", "55P03"];

/// Whether the database cannot be reached, is overloaded, or cannot write at the moment. A later retry may succeed.
#[must_use]
pub fn is_unavailable(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) => true,
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => is_unavailable_sqlx(error),
        _ => false,
    }
}

/// Whether another connection holds the lock of the SQLite file.
pub(super) fn is_sqlite_busy(error: &DbErr) -> bool {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error)) => {
            error.as_database_error().and_then(sqlite_code) == Some(SQLITE_BUSY)
        }
        _ => false,
    }
}

fn is_unavailable_sqlx(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => match sqlite_code(&**error) {
            Some(code) => SQLITE_UNAVAILABLE.contains(&code),
            None => is_unavailable_sqlstate(&error.code().unwrap_or_default()),
        },
        _ => false,
    }
}

fn is_unavailable_sqlstate(code: &str) -> bool {
    POSTGRES_UNAVAILABLE_CLASSES.iter().any(|class| code.starts_with(class)) || POSTGRES_UNAVAILABLE.contains(&code)
}

/// The low byte of SQLite's extended result code: the kind of failure, without the detail. `None` for PostgreSQL.
fn sqlite_code(error: &dyn sqlx::error::DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>()?;
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}
