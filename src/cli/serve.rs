//! `serve`

use std::future::poll_fn;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Outcome;
use crate::app;
use crate::core::config::{Environment, FirstSuperuser, Settings};
use crate::core::{migrate, server};
use crate::documents::{CHAT, DOCS};
use crate::schemas::password::NewPassword;
use crate::schemas::text::Email;
use crate::services::{presence, user};
use crate::state::AppState;

/// How long the database's connections have to close.
const CLOSING: std::time::Duration = std::time::Duration::from_secs(1);

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
    let address = (settings.server.host.as_str(), settings.server.port);
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| format!("cannot listen on {}:{}: {error}", address.0, address.1))?;
    let signals = Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
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

    let app = app::build(state);
    let signals = std::sync::Mutex::new(signals);
    server::serve(listener, app, &settings.server, readiness, || {
        poll_fn(|cx| signals.lock().unwrap_or_else(std::sync::PoisonError::into_inner).poll(cx))
    })
    .await;
    // A request that outlived the grace period may still hold a connection: not for long any more.
    let _ = tokio::time::timeout(CLOSING, db.close()).await;
    Ok(())
}

/// The signals that ask the process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn poll(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        if self.terminate.poll_recv(cx).is_ready() {
            return std::task::Poll::Ready(());
        }
        self.interrupt.poll_recv(cx).map(|_| ())
    }
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
