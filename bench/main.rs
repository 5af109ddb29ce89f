//! Measures the service: `cargo run --release --example bench -- --help`.

mod jobs;
mod sockets;

use std::error::Error;

use clap::{Parser, Subcommand};

/// What went wrong, for people.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the service, built with --release before.
#[derive(Parser)]
struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Jobs: from queued to done, how many a second, and whether each is done once
    Jobs(jobs::Options),
    /// Idle sockets, and how long a message takes to many of them
    Sockets(sockets::Options),
}

#[tokio::main]
async fn main() -> Outcome {
    match Bench::parse().what {
        What::Jobs(options) => jobs::run(options).await,
        What::Sockets(options) => sockets::run(options).await,
    }
}
