//! The binary: parse, run, exit code.

use std::process::ExitCode;

use clap::Parser;
use keel::cli::Cli;

/// Password hashing takes 19 MiB on whichever thread is free. The system's allocator keeps that for every
/// thread that ever did it; this one gives it on to the next, and is faster with a request's small pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
