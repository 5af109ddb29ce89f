//! What every layer may use, and which itself uses no layer.

pub mod breaker;
pub mod client;
pub mod clock;
pub mod config;
mod connection_timer;
pub mod database;
pub mod idempotency;
pub mod migrate;
pub mod pulse;
pub mod rate_limit;
pub mod readiness;
pub mod schema;
pub mod security;
pub mod server;
mod strict_heads;
pub mod tasks;
pub mod telemetry;
pub mod trace_context;
pub mod wake;
