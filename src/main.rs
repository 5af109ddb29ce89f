//! The binary: parses the command line, runs the command and sets the exit code.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use keel::cli::Cli;

/// A password hash needs 19 MiB. The system allocator keeps that memory for every thread that has ever hashed; mimalloc
/// reuses it for the next one, and is faster for the small allocations of a request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // `eprintln!` panics when nothing can be written, and the exit code would be another one.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}
