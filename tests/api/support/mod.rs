//! What the tests are written with.

pub mod app;
pub mod captured_log;
pub mod client;
pub mod database;
pub mod document;
pub mod forgery;
pub mod log;
pub mod outbox;
pub mod proxy;
pub mod recorder;
pub mod redis;
pub mod smtp;
pub mod socket;
pub mod websocket;

pub use app::TestApp;
pub use client::{Client, Response};
