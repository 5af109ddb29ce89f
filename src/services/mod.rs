//! What is allowed, and how it is stored: the only layer that queries. Services know nothing of HTTP; commands and jobs
//! call them, too.

pub mod account;
pub mod external;
pub mod health;
pub mod idempotency;
pub mod item;
pub mod notification;
pub mod page;
pub mod tag;
