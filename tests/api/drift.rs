//! The migrated schema is what the entities say.

use keel::core::database::Db;
use keel::entities::{
    api_key, audit_event, email_token, idempotency_key, item, item_tag, job, session, tag, ticket, user,
};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, FromQueryResult, Schema, Statement};

use crate::support::database::TestDatabase;

#[tokio::test]
async fn the_migrations_make_the_tables_that_the_entities_describe() {
    let (migrated, described) = (TestDatabase::migrated().await, TestDatabase::empty().await);
    let (migrated, described) = (migrated.connect().await, described.connect().await);
    create(&described, user::Entity).await;
    create(&described, item::Entity).await;
    create(&described, tag::Entity).await;
    create(&described, item_tag::Entity).await;
    create(&described, session::Entity).await;
    create(&described, ticket::Entity).await;
    create(&described, email_token::Entity).await;
    create(&described, api_key::Entity).await;
    create(&described, audit_event::Entity).await;
    create(&described, idempotency_key::Entity).await;
    create(&described, job::Entity).await;
    let all = [
        "api_keys",
        "audit_events",
        "idempotency_keys",
        "item_tags",
        "items",
        "jobs",
        "sessions",
        "tags",
        "tickets",
        "email_tokens",
        "users",
    ];

    for table in all {
        let expected = columns(&described, table).await;
        assert!(!expected.is_empty(), "{table} has columns");
        assert_eq!(columns(&migrated, table).await, expected, "columns of {table}");
        assert_eq!(keys(&migrated, table).await, keys(&described, table).await, "foreign keys of {table}");
    }
    assert_eq!(tables(&migrated).await, all, "a table without an entity, or one that is missing above");
}

async fn create(db: &Db, entity: impl EntityTrait) {
    let statement = Schema::new(db.get_database_backend()).create_table_from_entity(entity);
    db.execute(&statement).await.unwrap();
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

/// Name, type, nullability and place in the primary key of every column.
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

/// From which column to which table, and what a deletion there does here.
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
