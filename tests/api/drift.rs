//! The migrated database is what the entities describe.

use keel::core::database::Db;
use keel::entities;
use sea_orm::sea_query::TableRef;
use sea_orm::{ConnectionTrait, DbBackend, FromQueryResult, Schema, Statement};

use crate::support::database::TestDatabase;

#[tokio::test]
async fn migrations_make_the_tables_that_the_entities_describe() {
    let (migrated, described) = (TestDatabase::migrated().await, TestDatabase::empty().await);
    let (migrated, described) = (migrated.connect().await, described.connect().await);
    let mut names = Vec::new();
    for table in entities::tables(&Schema::new(described.get_database_backend())) {
        described.execute(&table).await.unwrap();
        let Some(TableRef::Table(name, _)) = table.get_table_name() else { panic!("{table:?} has no name") };
        names.push(name.1.to_string());
    }
    names.sort();
    assert_eq!(tables(&migrated).await, names, "a table without an entity, or an entity without a table");

    for table in &names {
        let expected = columns(&described, table).await;
        assert!(!expected.is_empty(), "{table} has columns");
        assert_eq!(columns(&migrated, table).await, expected, "columns of {table}");
        assert_eq!(keys(&migrated, table).await, keys(&described, table).await, "foreign keys of {table}");
    }
}

#[derive(FromQueryResult)]
struct Row {
    text: String,
}

async fn texts(db: &Db, sqlite: &str, postgres: &str) -> Vec<String> {
    let backend = db.get_database_backend();
    let query = if backend == DbBackend::Sqlite { sqlite } else { postgres };
    let rows = Row::find_by_statement(Statement::from_string(backend, query)).all(db).await.unwrap();
    rows.into_iter().map(|row| row.text).collect()
}

/// Every column: its name, type, nullability, and whether it is in the primary key.
async fn columns(db: &Db, table: &str) -> Vec<String> {
    let sqlite = format!(
        "SELECT name || ' ' || lower(type) || ' ' || \"notnull\" || ' ' || (pk > 0) AS text FROM pragma_table_info('{table}') ORDER BY name"
    );
    let postgres = format!(
        "SELECT column_name || ' ' || data_type || ' ' || coalesce(character_maximum_length, 0) || ' ' || is_nullable AS text \
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '{table}' ORDER BY column_name"
    );
    texts(db, &sqlite, &postgres).await
}

/// Every foreign key: its column, the table it refers to, and what a deletion there does.
async fn keys(db: &Db, table: &str) -> Vec<String> {
    let sqlite = format!(
        "SELECT \"from\" || ' ' || \"table\" || ' ' || on_delete AS text FROM pragma_foreign_key_list('{table}') ORDER BY 1"
    );
    let postgres = format!(
        "SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE contype IN ('f', 'p') AND conrelid = '{table}'::regclass ORDER BY 1"
    );
    texts(db, &sqlite, &postgres).await
}

async fn tables(db: &Db) -> Vec<String> {
    let sqlite = "SELECT name AS text FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 's%q%l%' ORDER BY 1";
    let postgres = "SELECT table_name::text AS text FROM information_schema.tables WHERE table_schema = 'public' \
        AND table_name <> 'seaql_migrations' ORDER BY 1";
    texts(db, sqlite, postgres).await
}
