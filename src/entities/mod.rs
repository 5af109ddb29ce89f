//! What is stored: one file a table. Knows only SeaORM.

pub mod api_key;
pub mod audit_event;
pub mod email_token;
pub mod idempotency_key;
pub mod item;
pub mod item_tag;
pub mod job;
pub mod session;
pub mod tag;
pub mod ticket;
pub mod user;
