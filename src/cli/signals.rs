//! The signals that ask a process to end: SIGTERM and SIGINT, or Ctrl-C on Windows.

use std::io;

use tokio::sync::mpsc;

/// Signals waiting to be handled. Only the first two have an effect.
const CAPACITY: usize = 2;

/// Sends a message for each signal, instead of the default action, which ends the process.
#[cfg(unix)]
pub(super) fn listen() -> io::Result<mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (sender, receiver) = mpsc::channel(CAPACITY);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            let _ = sender.try_send(());
        }
    });
    Ok(receiver)
}

/// Sends a message for each Ctrl-C, instead of the default action, which ends the process.
#[cfg(not(unix))]
pub(super) fn listen() -> io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            let _ = sender.try_send(());
        }
    });
    Ok(receiver)
}
