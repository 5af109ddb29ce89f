//! The test suite: one binary, against the real router and a real database of each test's own.
//!
//! Without any setting it runs on SQLite. `TEST_DATABASE_URL=postgres://user@host/postgres` names a
//! PostgreSQL server on which it makes its databases instead.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod api_key;
mod architecture;
mod audit_event;
mod cli;
mod config;
mod contract;
mod database;
mod deployment;
mod documents;
mod drift;
mod external;
mod forged;
mod hostile;
mod http;
mod idempotency;
mod item;
mod job;
mod limits;
mod login;
mod notification;
mod password;
mod permissions;
mod realtime;
mod recovery;
mod scopes;
mod server;
mod session;
mod signing_keys;
mod signup;
mod superuser;
mod ticket;
mod tokens;
mod user;
mod verification;
