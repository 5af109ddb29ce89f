//! One connection, as the hub sees it.

use tokio::sync::{SetOnce, mpsc};
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
    close_reason: SetOnce<CloseReason>,
}

impl Connection {
    pub fn new(principal: SocketPrincipal, room: String, queue: mpsc::Sender<Utf8Bytes>) -> Self {
        Self { principal, room, queue, close_reason: SetOnce::new() }
    }

    /// Queues the text. Returns false when the queue is full. Messages that a client disconnected are dropped when the
    /// queue is half full, so that many disconnects at once do not close the other connections.
    pub fn offer(&self, text: &Utf8Bytes) -> bool {
        if text.as_str() == DISCONNECTED && self.queue.capacity() <= self.queue.max_capacity() / 2 {
            return true;
        }
        self.queue.try_send(text.clone()).is_ok()
    }

    /// Asks the task of the connection to close it. The first reason counts.
    pub fn close(&self, reason: CloseReason) {
        // Fails when there is a reason already.
        let _ = self.close_reason.set(reason);
    }

    /// Waits for [`Self::close`].
    pub async fn closed(&self) -> CloseReason {
        *self.close_reason.wait().await
    }
}
