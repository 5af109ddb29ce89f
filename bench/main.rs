//! Measures the service: `cargo run --release --example bench -- --help`.

mod jobs;
mod sockets;

use std::error::Error;

use clap::{Parser, Subcommand};

/// The outcome of a measurement.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the service, built with --release before.
#[derive(Parser)]
struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    // only with jobs
    /// Jobs: time from queued to done, jobs per second, and whether each runs once
    Jobs(jobs::Options),
    // only with realtime
    /// Idle sockets, and the latency of a message to many of them
    Sockets(sockets::Options),
}

#[tokio::main]
async fn main() -> Outcome {
    match Bench::parse().what {
        What::Jobs(options) => jobs::run(options).await,       // only with jobs
        What::Sockets(options) => sockets::run(options).await, // only with realtime
    }
}
