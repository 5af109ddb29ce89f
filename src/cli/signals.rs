//! The signals that ask the process to end.

use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT.
pub(super) struct Signals(Mutex<[Signal; 2]>);

impl Signals {
    /// From now on they do not end the process by themselves.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Mutex::new([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])))
    }

    /// Waits for the next one.
    pub(super) async fn next(&self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut signals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready()) { Poll::Ready(()) } else { Poll::Pending }
    }
}
