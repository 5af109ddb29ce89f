//! What every layer may use, and which itself uses no layer: settings, the database, passwords and tokens, time, logs.

pub mod client;
pub mod clock;
pub mod config;
pub mod database;
pub mod security;
pub mod telemetry;
pub mod trace_context;
