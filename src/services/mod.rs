//! What is allowed, and how it is fetched and stored. The only layer that queries. Knows nothing of
//! HTTP: commands call it, too.

pub mod accounts;
pub mod api_key;
pub mod audit_event;
pub mod caller;
pub mod clean_up;
pub mod external;
pub mod health;
mod idempotency;
pub mod item;
pub mod job;
pub mod login;
pub mod mailed;
pub mod notification;
mod page;
pub mod presence;
pub mod recovery;
pub mod session;
pub mod tag;
pub mod ticket;
pub mod user;
pub mod verification;
