//! The stored data: one file per table. Uses only SeaORM.

#![expect(clippy::disallowed_methods, reason = "the code that SeaORM derives calls methods of ActiveModelTrait")]

pub mod api_key;
pub mod audit_event;
pub mod email_token;
pub mod email_token_hash;
pub mod idempotency_key;
pub mod item;
pub mod item_tag;
pub mod job;
pub mod job_schedule;
pub mod session;
pub mod tag;
pub mod ticket;
pub mod user;

use sea_orm::Schema;
use sea_orm::sea_query::TableCreateStatement;

/// The tables that the entities describe, referenced tables first. A test compares them with the migrated database.
#[must_use]
pub fn tables(schema: &Schema) -> Vec<TableCreateStatement> {
    vec![
        schema.create_table_from_entity(user::Entity),
        schema.create_table_from_entity(session::Entity),
        schema.create_table_from_entity(ticket::Entity),
        schema.create_table_from_entity(email_token::Entity),
        schema.create_table_from_entity(email_token_hash::Entity),
        schema.create_table_from_entity(api_key::Entity),
        schema.create_table_from_entity(audit_event::Entity),
        schema.create_table_from_entity(idempotency_key::Entity),
        schema.create_table_from_entity(job::Entity),
        schema.create_table_from_entity(job_schedule::Entity),
        schema.create_table_from_entity(item::Entity),
        schema.create_table_from_entity(tag::Entity),
        schema.create_table_from_entity(item_tag::Entity),
    ]
}
