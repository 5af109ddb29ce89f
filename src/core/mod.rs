//! The base that every layer may use: settings, database, security, clock, logs. It uses only the migrations, and
//! `validation/schema` for the bounds of the settings.

pub mod client;
pub mod clock;
pub mod config;
pub mod database;
pub mod headers;
pub mod security;
pub mod telemetry;
pub mod trace_context;
