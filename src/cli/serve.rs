//! `serve`

use std::sync::OnceLock;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use super::Outcome;
use super::signals::Signals;
use crate::app;
use crate::core::config::{Environment, FirstSuperuser, Settings};
use crate::core::{migrate, server};
use crate::documents::{CHAT, DOCS};
use crate::jobs::worker::work;
use crate::schemas::password::NewPassword;
use crate::schemas::text::Email;
use crate::services::{presence, user};
use crate::state::AppState;

/// How long the database's connections have to close.
const CLOSING: Duration = Duration::from_secs(1);

/// Migrates, makes the first superuser, serves until asked to stop.
pub(super) async fn run(settings: Settings) -> Outcome {
    let auto_migrate = settings.database.auto_migrate;
    let state = super::state(settings).await?;
    if auto_migrate {
        for name in migrate::up(&state.db).await.map_err(|error| format!("a migration failed: {error}"))? {
            tracing::info!(name, "migration applied");
        }
    }
    ensure_first_superuser(&state).await?;

    let settings = std::sync::Arc::clone(&state.settings);
    let readiness = state.readiness.clone();
    let db = state.db.clone();
    let watch = tokio::spawn(state.pulse.watch(settings.database.clone()));
    let address = (settings.server.host.as_str(), settings.server.port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {}:{}: {error}", address.0, address.1))?;
    let signals = Signals::new()?;
    super::metrics::serve(&settings).await?;
    let address = listener.local_addr()?;
    tracing::info!("listening on http://{address}");
    if settings.server.docs {
        tracing::info!("the documents are at http://{address}{DOCS}");
    }
    if settings.environment == Environment::Development {
        tracing::info!("a chat to try is at http://{address}{CHAT}");
    }

    let (hub, accounts) = (state.hub.clone(), state.accounts.clone());
    let background = readiness.clone();
    tokio::spawn(async move { tokio::join!(hub.run(&background), presence::watch(&accounts, &hub)) });

    let grace = Duration::from_secs(settings.server.shutdown_grace_seconds);
    let (received, mut stopped) = watch::channel(0);
    let working = settings.jobs.in_process.then(|| super::jobs_context(&state)).transpose()?.map(|context| {
        let stop = async move {
            let _ = stopped.wait_for(|signals| *signals > 0).await;
        };
        tokio::spawn(work(context, stop, grace))
    });
    let tasks = state.accounts.tasks.clone();
    let app = app::build(&state);
    let stopping = OnceLock::new();
    let signal = || async {
        signals.next().await;
        stopping.get_or_init(Instant::now);
        received.send_modify(|signals| *signals += 1);
    };
    server::serve(listener, app, &settings.server, readiness, signal).await;
    // Jobs and tasks finish within the same time as requests, unless the second signal has come or comes now.
    let finish = async {
        tasks.finish(grace).await;
        if let Some(working) = working {
            let _ = working.await;
        }
    };
    let drain_delay = Duration::from_secs(settings.server.drain_delay_seconds);
    let end = *stopping.get_or_init(Instant::now) + drain_delay + grace + CLOSING;
    let second_signal = async {
        while *received.borrow() < 2 {
            signal().await;
        }
    };
    tokio::select! {
        _ = timeout_at(end, finish) => {}
        () = second_signal => {}
    }
    watch.abort();
    // A request that outlived the grace period may still hold a connection: not for long any more.
    let _ = timeout(CLOSING, db.close()).await;
    Ok(())
}

async fn ensure_first_superuser(state: &AppState) -> Outcome {
    let FirstSuperuser { email: Some(email), password: Some(password) } = &state.settings.first_superuser else {
        return Ok(());
    };
    let parsed = Email::try_from(email.clone()).map_err(|error| format!("first_superuser.email: {error}"))?;
    let password = NewPassword::try_from(password.expose_secret().to_owned())
        .map_err(|error| format!("first_superuser.password: {error}"))?;
    if user::ensure_superuser(&state.accounts, parsed, password).await? {
        tracing::info!(email, "first superuser created");
    }
    Ok(())
}
