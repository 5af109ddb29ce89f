//! Violations of unique constraints, on tables of the tests' own.

use axum::http::StatusCode;
use keel::core::database::UniqueConstraint;
use keel::error::{Error, UniqueConflict, on_unique};
use sea_orm::{ConnectionTrait, DbErr};

use crate::support::database::TestDatabase;

const TABLE: &str = "
    CREATE TABLE notes (
        id integer CONSTRAINT notes_pkey PRIMARY KEY,
        slug text CONSTRAINT notes_slug_key UNIQUE,
        owner_id integer,
        title text,
        code text,
        CONSTRAINT notes_owner_id_title_key UNIQUE (owner_id, title)
    );
    CREATE UNIQUE INDEX notes_code_key ON notes (code);
    CREATE UNIQUE INDEX notes_lower_title_key ON notes (lower(title));
    INSERT INTO notes (id, slug, owner_id, title, code) VALUES (1, 'kettle', 7, 'Kettle', 'K');
";

const CONFLICTS: [UniqueConflict; 5] = [
    conflict("notes_pkey", &["notes.id"], "id"),
    conflict("notes_slug_key", &["notes.slug"], "slug"),
    conflict("notes_owner_id_title_key", &["notes.owner_id", "notes.title"], "title of the owner"),
    conflict("notes_code_key", &["notes.code"], "code"),
    conflict("notes_lower_title_key", &[], "title"),
];

const fn conflict(name: &'static str, columns: &'static [&'static str], message: &'static str) -> UniqueConflict {
    UniqueConflict { constraint: UniqueConstraint { name, columns }, message }
}

async fn insert(db: &impl ConnectionTrait, values: &str) -> DbErr {
    let insert = format!("INSERT INTO notes (id, slug, owner_id, title, code) VALUES ({values})");
    db.execute_unprepared(&insert).await.unwrap_err()
}

#[tokio::test]
async fn violated_unique_constraint_returns_its_conflict() {
    let database = TestDatabase::empty().await;
    let db = database.connect().await;
    db.execute_unprepared(TABLE).await.unwrap();
    for (values, expected) in [
        ("1, 'pot', 8, 'Pot', 'P'", "id"),
        ("2, 'kettle', 8, 'Pot', 'P'", "slug"),
        ("2, 'pot', 8, 'Pot', 'K'", "code"),
        ("2, 'pot', 8, 'kettle', 'P'", "title"),
    ] {
        let error = on_unique(insert(&db, values).await, &CONFLICTS);
        assert!(matches!(error, Error::Conflict(message) if message == expected), "{values}: {error:?}");
    }
    db.execute_unprepared("DROP INDEX notes_lower_title_key").await.unwrap();
    let error = on_unique(insert(&db, "2, 'pot', 7, 'Kettle', 'P'").await, &CONFLICTS);
    assert!(matches!(error, Error::Conflict("title of the owner")), "{error:?}");
}

#[tokio::test]
async fn other_failures_are_no_conflict() {
    let database = TestDatabase::empty().await;
    let db = database.connect().await;
    db.execute_unprepared(TABLE).await.unwrap();
    let slug_taken = insert(&db, "2, 'kettle', 8, 'Pot', 'P'").await;
    let prefix = conflict("notes_slug", &["notes.slu"], "a name that only begins alike");
    for conflicts in [&[][..], &CONFLICTS[2..], &[prefix]] {
        let error = on_unique(slug_taken.clone(), conflicts);
        assert_eq!(error.status_and_code().0, StatusCode::INTERNAL_SERVER_ERROR, "{error:?}");
    }
    let no_table = db.execute_unprepared("INSERT INTO nothing VALUES ('notes.slug')").await.unwrap_err();
    assert_eq!(on_unique(no_table, &CONFLICTS).status_and_code().0, StatusCode::INTERNAL_SERVER_ERROR);
}
