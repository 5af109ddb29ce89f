//! Tells which unique constraint a statement has violated.

use sea_orm::{DbErr, RuntimeErr, sqlx};

/// A unique constraint or index. PostgreSQL reports its name. SQLite reports its columns, or its name if it is an index
/// over an expression.
#[derive(Debug, Clone, Copy)]
pub struct UniqueConstraint {
    /// The name of the constraint or index.
    pub name: &'static str,
    /// Its columns with their table, in order: `["notes.owner_id", "notes.title"]`. Empty for an index over an
    /// expression.
    pub columns: &'static [&'static str],
}

impl UniqueConstraint {
    /// Whether the statement failed because it would have violated this constraint.
    #[must_use]
    pub fn is_violated_by(&self, error: &DbErr) -> bool {
        let Some(error) = database_error(error).filter(|error| error.is_unique_violation()) else { return false };
        match error.constraint() {
            Some(name) => name == self.name,
            None => self.is_named_by_sqlite(error.message()),
        }
    }

    /// `UNIQUE constraint failed: notes.owner_id, notes.title`, or `UNIQUE constraint failed: index 'notes_title_key'`.
    fn is_named_by_sqlite(&self, message: &str) -> bool {
        let violated = message.rsplit(": ").next().unwrap_or_default();
        if self.columns.is_empty() {
            violated == format!("index '{}'", self.name)
        } else {
            violated == self.columns.join(", ")
        }
    }
}

/// The error that the database itself has reported.
fn database_error(error: &DbErr) -> Option<&dyn sqlx::error::DatabaseError> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => error.as_database_error(),
        _ => None,
    }
}
