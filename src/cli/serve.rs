//! `serve`

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::supervisor::Supervisor;
use super::{CLOSE_TIMEOUT, Outcome, metrics};
use crate::app;
use crate::core::config::{Environment, FirstSuperuser, Settings};
use crate::jobs::worker;
use crate::realtime::session_watcher;
use crate::routes::docs::{CHAT, DOCS};
use crate::routes::frontend;
use crate::schemas::password::NewPassword;
use crate::schemas::text::Email;
use crate::server;
use crate::state::AppState;

/// Applies migrations, creates the first superuser, and serves until the process is asked to stop.
pub(super) async fn run(settings: Settings) -> Outcome {
    frontend::check(&settings.server)?;
    let state = super::migrated_state(settings).await?;
    let AppState { settings, db, accounts, hub, readiness, .. } = state.clone();
    // only with jobs
    let jobs = settings.jobs.in_process.then(|| super::jobs_context(&state)).transpose()?;

    let listener = super::bind(&settings.server.host, settings.server.port).await?;
    create_first_superuser(&state, &listener).await?;
    let mut supervisor = Supervisor::new(&settings.server, readiness.clone())?;
    metrics::serve(&state, &mut supervisor).await?; // only with observability
    announce(&settings, &listener)?;

    supervisor.spawn_endless("health monitor", super::monitor(&state));
    // only with realtime
    supervisor.spawn_endless("session watcher", {
        let (accounts, hub) = (accounts.clone(), hub.clone());
        async move { session_watcher::watch(&accounts, &hub).await }
    });
    // only with realtime
    supervisor.spawn("realtime hub", {
        let readiness = readiness.clone();
        async move { hub.run(&readiness).await }
    });
    if let Some(jobs) = jobs {
        supervisor.spawn("worker", worker::work(jobs, readiness.clone()));
    }
    supervisor.spawn("server", server::serve(listener, app::build(&state), settings.server.clone(), readiness.clone()));
    supervisor.spawn("tasks after responses", {
        let tasks = accounts.tasks.clone();
        async move {
            readiness.stopping().await;
            tasks.close();
            tasks.wait().await;
        }
    });
    let outcome = supervisor.run().await;
    // A request that outlived the grace period may still hold a connection.
    let _ = timeout(CLOSE_TIMEOUT, db.close()).await;
    outcome
}

fn announce(settings: &Settings, listener: &TcpListener) -> Outcome {
    let address = listener.local_addr()?;
    tracing::info!("listening on http://{address}");
    if settings.server.docs {
        tracing::info!("documentation at http://{address}{DOCS}");
    }
    // only with realtime
    if settings.environment == Environment::Development {
        tracing::info!("chat example at http://{address}{CHAT}");
    }
    Ok(())
}

/// The default of development has a published password: it is not created on an address that others can reach.
async fn create_first_superuser(state: &AppState, listener: &TcpListener) -> Outcome {
    let settings = &state.settings.first_superuser;
    let Some((email, password)) = first_superuser(settings)? else { return Ok(()) };
    if settings.is_default && !listener.local_addr()?.ip().is_loopback() {
        tracing::warn!(
            "first superuser not created: its default password is published, and server.host is not a loopback \
             address; set FIRST_SUPERUSER and FIRST_SUPERUSER_PASSWORD"
        );
        return Ok(());
    }
    let address = email.as_str().to_owned();
    if super::ensure_superuser(state, email, password).await? {
        tracing::info!(email = address, "first superuser created");
    }
    Ok(())
}

/// Email and password of the first superuser, if the settings have both.
pub(super) fn first_superuser(settings: &FirstSuperuser) -> Result<Option<(Email, NewPassword)>, String> {
    let (Some(email), Some(password)) = (&settings.email, &settings.password) else { return Ok(None) };
    let email = Email::try_from(email.clone()).map_err(|error| format!("first_superuser.email: {error}"))?;
    let password = NewPassword::try_from(password.expose_secret().to_owned())
        .map_err(|error| format!("first_superuser.password: {error}"))?;
    Ok(Some((email, password)))
}
