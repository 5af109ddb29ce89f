//! Tools for working on the code: `cargo xtask --help`.

mod answers;
mod cuts;
mod files;
mod imports;
mod resource;
mod template; // only with template
mod update;

use std::process::ExitCode;

use clap::Parser;

/// Tools for working on the code.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Command {
    Render(template::Render), // only with template
    NewResource(resource::New),
    RemoveResource(resource::Remove),
    UpdateTemplate(update::Update),
    TestTemplate(template::TestTemplate), // only with template
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Render(arguments) => arguments.run(), // only with template
        Command::NewResource(arguments) => arguments.run(),
        Command::RemoveResource(arguments) => arguments.run(),
        Command::UpdateTemplate(arguments) => arguments.run(),
        Command::TestTemplate(arguments) => arguments.run(), // only with template
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
