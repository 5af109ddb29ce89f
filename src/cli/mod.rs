//! The commands of the binary.

mod create_superuser;
mod doctor;
mod healthcheck;
mod jobs;
mod metrics;
mod migrate;
mod serve;
mod signals;
mod supervisor;
mod worker;

use std::error::Error;
use std::io::{self, Write};
use std::time::Duration;

use clap::{Parser, Subcommand};
use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use crate::app;
use crate::core::clock::Clock;
use crate::core::config::{self, DatabaseSettings, Settings, Sources};
use crate::core::database::{self, Db, migrate as migrations};
use crate::core::telemetry;
use crate::jobs::Context;
use crate::mail::Mailer;
use crate::routes::Dashboard;
use crate::schemas::password::NewPassword;
use crate::schemas::text::Email;
use crate::services::account::user;
use crate::services::health;
use crate::state::AppState;

/// A command's outcome; the error's text is printed, and the exit code is 1.
type Outcome = Result<(), Box<dyn Error>>;

/// The command line.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve requests (the default)
    Serve,
    // only with jobs
    /// Run jobs; serves /health alone, at the address of `serve`
    Worker,
    // only with jobs
    /// Inspect, retry or delete dead jobs
    #[command(subcommand)]
    Jobs(jobs::Jobs),
    /// Apply, revert or list migrations
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Print the OpenAPI document, without the routes of the FastAPI dashboard
    Openapi,
    /// Create a superuser; asks for the password, or reads it from standard input
    CreateSuperuser {
        /// The superuser's email
        #[arg(long)]
        email: String,
    },
    /// Check whether the running server or worker is ready (for containers)
    Healthcheck,
    /// Check the configuration and the services that it names
    Doctor,
}

impl Cli {
    /// Runs the command to its end.
    ///
    /// # Errors
    /// When the command fails. The message is for the operator.
    pub fn run(self) -> Outcome {
        if let Some(Command::Openapi) = self.command {
            return print(&app::document(Dashboard::Off).to_pretty_json()?);
        }
        let sources = Sources::of_process()?;
        let settings = config::load(&sources)?;
        // Before the runtime, so that the last spans are sent after everything else has ended.
        let _telemetry = if matches!(self.command, Some(Command::Doctor | Command::Healthcheck)) {
            None
        } else {
            Some(telemetry::init(&settings, sources.get("RUST_LOG"))?)
        };
        let runtime = tokio::runtime::Runtime::new()?;
        if matches!(self.command, None | Some(Command::Serve | Command::Worker)) {
            announce(&settings);
        }
        runtime.block_on(async {
            match self.command {
                None | Some(Command::Serve) => serve::run(settings).await,
                Some(Command::Worker) => worker::run(settings).await, // only with jobs
                Some(Command::Jobs(command)) => jobs::run(settings, command).await, // only with jobs
                Some(Command::Migrate(command)) => migrate::run(&settings, command).await,
                Some(Command::CreateSuperuser { email }) => create_superuser::run(settings, email).await,
                Some(Command::Healthcheck) => healthcheck::run(&settings).await,
                Some(Command::Doctor) => doctor::run(&settings, sources.get("RUST_LOG")).await,
                Some(Command::Openapi) => Ok(()),
            }
        })
    }
}

/// Prints a text. A reader that closes the pipe early (`| head`) is no error.
fn print(text: &str) -> Outcome {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Logs the version and the main settings.
fn announce(settings: &Settings) {
    // Only the scheme of the URL: the rest may hold a password.
    let database = settings.database.url.expose_secret().split(':').next();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), environment = ?settings.environment, database, "starting");
}

/// How long the database connections may take to close at the end of the process.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

async fn connect(settings: &DatabaseSettings) -> Result<Db, String> {
    database::connect(settings).await.map_err(|error| format!("database.url: {error}"))
}

/// The state of a process, connected to its database.
async fn state(settings: Settings) -> Result<AppState, Box<dyn Error>> {
    let mut db = connect(&settings.database).await?;
    database::observe(&mut db, Duration::from_millis(settings.telemetry.slow_statement_ms));
    Ok(AppState::new(settings, db, Clock::system())?)
}

/// The state of a process. Applies pending migrations first, if `database.auto_migrate` is on.
async fn migrated_state(settings: Settings) -> Result<AppState, Box<dyn Error>> {
    let state = state(settings).await?;
    if state.settings.database.auto_migrate {
        for name in migrations::up(&state.db).await.map_err(|error| format!("a migration failed: {error}"))? {
            tracing::info!(name, "migration applied");
        }
    }
    Ok(state)
}

/// Creates the superuser, unless a user has this email. Returns whether it did.
async fn ensure_superuser(state: &AppState, email: Email, password: NewPassword) -> Result<bool, String> {
    let outcome = user::ensure_superuser(&state.accounts, email, password).await;
    // The text of an error is for clients; an operator needs its cause.
    outcome.map_err(|error| error.cause().map_or_else(|| error.to_string(), str::to_owned))
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, String> {
    TcpListener::bind((host, port)).await.map_err(|error| format!("cannot listen on {host}:{port}: {error}"))
}

/// Checks the dependencies of the process as long as it runs.
fn monitor(state: &AppState) -> impl Future<Output = ()> + Send + 'static {
    let AppState { settings, limiter, readiness, .. } = state.clone();
    async move { health::monitor(settings.database.clone(), &limiter, &readiness).await }
}

// only with jobs
/// The dependencies of the jobs of a process.
fn jobs_context(state: &AppState) -> Result<Context, String> {
    Ok(Context {
        accounts: state.accounts.clone(),
        mailer: Mailer::new(&state.settings.mail)?,
        settings: state.settings.jobs.clone(),
        shutdown_grace: Duration::from_secs(state.settings.server.shutdown_grace_seconds),
    })
}
