//! What is stored: one file a table. Knows only SeaORM.

pub mod item;
pub mod item_tag;
pub mod tag;
pub mod user;
