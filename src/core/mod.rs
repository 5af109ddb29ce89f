//! What every layer may use, and what itself uses no layer: settings, database, security, clock, logs.

pub mod client;
pub mod clock;
pub mod config;
pub mod database;
pub mod security;
pub mod telemetry;
pub mod trace_context;
