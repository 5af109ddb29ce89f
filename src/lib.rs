//! A production microservice on axum and SeaORM.
//!
//! The path of a request: [`middleware`] → [`routes`] → [`services`] → [`entities`].
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`cli`] | the commands: `serve`, `worker`, `migrate` and others |
//! | [`app`], [`state`] | the router with its middleware; the state that handlers share |
//! | [`routes`], [`openapi`] | one file per resource: path, status, documentation; the document of all |
//! | [`validation`] | valid input: JSON, queries, paths and forms, by the rules of their types |
//! | [`extract`], [`auth`] | other arguments of handlers: headers, and the authenticated caller |
//! | [`services`] | permissions and queries |
//! | [`schemas`] | the types of requests and responses, with their rules |
//! | [`entities`], [`migrations`] | the stored data |
//! | [`middleware`] | the layers around all routes, in order, in one function |
//! | [`error`] | every error, with its status, in one table |
//! | [`jobs`] | work outside the request: the queue, the worker, the schedule, one file per kind of job | // only with jobs
//! | [`realtime`] | WebSockets and Server-Sent Events | // only with realtime
//! | [`rate_limit`] | limits, in memory or in Redis |
//! | [`mail`] | mails: templates, SMTP or files | // only with jobs
//! | [`upstream`] | the client of another HTTP service | // only with external
//! | [`server`] | the accept loop, the client's address, shutdown |
//! | [`core`] | settings, database, security, clock, logs: the base of every layer |

pub mod app;
pub mod auth;
pub mod cli;
pub mod core;
pub mod entities;
pub mod error;
pub mod extract;
pub mod jobs;
pub mod mail;
pub mod middleware;
#[path = "../migrations/mod.rs"]
pub mod migrations;
pub mod openapi;
pub mod rate_limit;
pub mod realtime;
pub mod routes;
pub mod schemas;
pub mod server;
pub mod services;
pub mod state;
pub mod upstream;
pub mod validation;
