//! Measures a running service, or parts of it. What it found is in docs/operations.md.
#![allow(clippy::print_stdout, missing_docs, reason = "a program")]

mod jobs;

use clap::Parser;

/// Measures the service: build it with --release before
#[derive(Parser)]
enum Bench {
    /// Jobs: from queued to done, how many a second, and whether each is done once
    Jobs(jobs::Jobs),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    match Bench::parse() {
        Bench::Jobs(arguments) => jobs::run(arguments).await,
    }
}
