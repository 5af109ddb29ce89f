//! Measures statements and the pool. How long it takes to get a connection: `core::telemetry::acquire_times`.

use std::time::Duration;

use sea_orm::DbBackend;

use super::Db;
use crate::core::telemetry::milliseconds;

/// Measures the statements of the pool, and logs those that take `slow` or longer, without their values. Call it before
/// the pool is cloned.
pub fn observe(db: &mut Db, slow: Duration) {
    db.set_metric_callback(move |statement| {
        let elapsed = statement.elapsed;
        // only with observability: begin
        let operation = operation(&statement.statement.sql);
        metrics::histogram!("database_statement_duration_seconds", "operation" => operation).record(elapsed);
        if statement.failed {
            metrics::counter!("database_statement_failures_total", "operation" => operation).increment(1);
        }
        // only with observability: end
        if elapsed >= slow {
            let sql = &statement.statement.sql;
            tracing::warn!(statement = sql, duration_ms = milliseconds(elapsed), "slow statement");
        }
    });
}

// only with observability
fn operation(sql: &str) -> &'static str {
    match sql.split_ascii_whitespace().next() {
        Some("SELECT") => "select",
        Some("INSERT") => "insert",
        Some("UPDATE") => "update",
        Some("DELETE") => "delete",
        _ => "other",
    }
}

// only with observability
/// The connections of the pool: those in use, and those that are idle.
#[must_use]
pub fn connections(db: &Db) -> (u32, u32) {
    let (open, idle) = if db.get_database_backend() == DbBackend::Postgres {
        let pool = db.get_postgres_connection_pool();
        (pool.size(), pool.num_idle())
    } else {
        let pool = db.get_sqlite_connection_pool();
        (pool.size(), pool.num_idle())
    };
    let idle = u32::try_from(idle).unwrap_or(u32::MAX).min(open);
    (open - idle, idle)
}
