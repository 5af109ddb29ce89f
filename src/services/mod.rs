//! Permissions and queries. Services do not use axum, because routes are not their only callers.

pub mod account;
pub mod clean_up;
pub mod external;
pub mod health;
pub mod idempotency;
pub mod item;
pub mod notification;
pub mod page;
pub mod tag;
