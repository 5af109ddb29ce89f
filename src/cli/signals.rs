//! The signals that ask a process to end: SIGTERM and SIGINT, or Ctrl-C on Windows.

use std::io;

use tokio::sync::mpsc;

/// Signals that wait to be handled; more than two mean nothing new.
const CAPACITY: usize = 2;

/// From now on the signals do not end the process by themselves. Each one is a message.
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

/// From now on Ctrl-C does not end the process by itself. Each one is a message.
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
