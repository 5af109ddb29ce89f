//! The test suite: one binary, against the real router. Each test has a database of its own.
//!
//! It runs on SQLite, or on the PostgreSQL server that `TEST_DATABASE_URL=postgres://user@host/postgres` names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod api_key;
mod architecture;
mod audit_event;
mod clean_up;
mod cli;
mod config;
mod contract;
mod database;
mod deployment;
mod documents;
mod drift;
mod email_token;
mod external;
mod fastapi_dashboard;
mod forged;
mod frontend;
mod health;
mod hostile;
mod http;
mod idempotency;
mod item;
mod job;
mod limits;
mod login;
mod notification;
mod oauth;
mod page;
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

/// Who may do what, of every resource. The tests in `permissions` run all rows.
#[rustfmt::skip] // One line each, however few there are.
const PERMISSIONS: &[permissions::Permissions] = &[
    api_key::PERMISSIONS,
    audit_event::PERMISSIONS,
    external::PERMISSIONS,
    fastapi_dashboard::PERMISSIONS,
    http::PERMISSIONS,
    item::PERMISSIONS,
    login::PERMISSIONS,
    notification::PERMISSIONS,
    realtime::PERMISSIONS,
    recovery::PERMISSIONS,
    session::PERMISSIONS,
    ticket::PERMISSIONS,
    user::PERMISSIONS,
];
