//! One connection, as the hub sees it.

use std::sync::OnceLock;

use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::close_reason::CloseReason;
use crate::services::account::principal::SocketPrincipal;

/// The message to a room when a client disconnects.
pub(super) const DISCONNECTED: &str = "A client disconnected";

/// A connection, as the hub sees it.
pub(super) struct Connection {
    pub principal: SocketPrincipal,
    pub room: String,
    queue: mpsc::Sender<Utf8Bytes>,
    close_reason: OnceLock<CloseReason>,
    closed: Notify,
}

impl Connection {
    pub fn new(principal: SocketPrincipal, room: String, queue: mpsc::Sender<Utf8Bytes>) -> Self {
        Self { principal, room, queue, close_reason: OnceLock::new(), closed: Notify::new() }
    }

    /// Queues the text. Returns false when the queue is full. That a client disconnected is dropped when the queue is
    /// half full, so that many disconnects at once do not close the other connections.
    pub fn offer(&self, text: &Utf8Bytes) -> bool {
        if text.as_str() == DISCONNECTED && self.queue.capacity() <= self.queue.max_capacity() / 2 {
            return true;
        }
        self.queue.try_send(text.clone()).is_ok()
    }

    /// Asks the task of the connection to close it. The first reason counts.
    pub fn close(&self, reason: CloseReason) {
        if self.close_reason.set(reason).is_ok() {
            self.closed.notify_one();
        }
    }

    /// Waits for [`Self::close`]. Only the task of the connection may wait.
    pub async fn closed(&self) -> CloseReason {
        loop {
            if let Some(reason) = self.close_reason.get() {
                return *reason;
            }
            self.closed.notified().await;
        }
    }
}
