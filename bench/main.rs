//! Measures a running server, which it knows by its address alone: `cargo run --release --example bench -- --help`.

mod sockets;

use std::error::Error;

use clap::{Parser, Subcommand};

/// What went wrong, for people.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures a running server.
#[derive(Parser)]
struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Idle sockets, and how long a message takes to many of them
    Sockets(sockets::Options),
}

#[tokio::main]
async fn main() -> Outcome {
    match Bench::parse().what {
        What::Sockets(options) => sockets::run(options).await,
    }
}
