//! Permissions and queries: the only layer that uses the database. Services know nothing of HTTP, because they are
//! not called by routes alone.

pub mod account;
pub mod clean_up;
pub mod external;
pub mod health;
pub mod idempotency;
pub mod item;
pub mod notification;
pub mod page;
pub mod tag;
