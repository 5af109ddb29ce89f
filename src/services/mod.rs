//! What is allowed, and how it is fetched and stored. The only layer that queries. Knows nothing of
//! HTTP: commands call it, too.

pub mod health;
pub mod item;
pub mod login;
pub mod tag;
pub mod user;
