//! A production microservice on axum and SeaORM.
//!
//! A request takes hops that anyone can name: [`routes`] → [`services`] → [`entities`].
//!
//! | module | what is there |
//! | --- | --- |
//! | [`app`] | the router with everything around it, from the state alone |
//! | [`routes`] | one file a resource: path, status, documentation; extract, call, wrap |
//! | [`extract`], [`auth`] | what a handler's signature says: valid input, and who may call |
//! | [`services`] | what is allowed and how it is fetched: the only layer that queries |
//! | [`schemas`] | what is said on the wire, with its rules |
//! | [`entities`] | what is stored |
//! | [`middleware`] | what every request passes, in order, in one function |
//! | [`error`] | everything that can go wrong, in one table |
//! | [`jobs`] | what is done outside the request: one file a kind of job, the worker, the schedule |
//! | [`mail`], [`upstream`] | the two outside services |
//! | [`realtime`] | messages between clients: who is connected, and the way to other processes |
//! | [`core`] | configuration, database, security, server: what every layer may use |
//! | [`migrations`] | the history of the database schema |

pub mod app;
pub mod auth;
pub mod cli;
pub mod core;
pub mod documents;
pub mod entities;
pub mod error;
pub mod extract;
pub mod jobs;
pub mod mail;
pub mod middleware;
#[path = "../migrations/mod.rs"]
pub mod migrations;
pub mod realtime;
pub mod routes;
pub mod schemas;
pub mod services;
pub mod state;
pub mod upstream;
