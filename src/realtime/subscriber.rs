//! One who is connected.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::close_reason::CloseReason;
use super::hub::Hub;
use crate::services::account::principal::SocketPrincipal;

/// What those who stay are told of one who left.
pub(super) const LEFT: &str = "A client disconnected";

/// A connection, as the hub knows it.
pub(super) struct Connection {
    pub visitor: SocketPrincipal,
    pub room: String,
    queue: mpsc::Sender<Utf8Bytes>,
    end: OnceLock<CloseReason>,
    ended: Notify,
}

impl Connection {
    pub fn new(visitor: SocketPrincipal, room: String, queue: mpsc::Sender<Utf8Bytes>) -> Self {
        Self { visitor, room, queue, end: OnceLock::new(), ended: Notify::new() }
    }

    /// Whether there was room for the text. That somebody left is told only to a queue that is half empty: who stays is
    /// not to blame for how many leave.
    pub fn offer(&self, text: &Utf8Bytes) -> bool {
        if text.as_str() == LEFT && self.queue.capacity() <= self.queue.max_capacity() / 2 {
            return true;
        }
        self.queue.try_send(text.clone()).is_ok()
    }

    /// The first reason counts.
    pub fn end(&self, end: CloseReason) {
        if self.end.set(end).is_ok() {
            self.ended.notify_one();
        }
    }

    /// Waits for the end. For one who waits.
    pub async fn ended(&self) -> CloseReason {
        loop {
            if let Some(end) = self.end.get() {
                return *end;
            }
            self.ended.notified().await;
        }
    }
}

/// A place among those who are connected, and what is said to it. Leaves when it is dropped.
pub struct Subscriber {
    hub: Hub,
    id: u64,
    pub(super) connection: Arc<Connection>,
    waiting: mpsc::Receiver<Utf8Bytes>,
}

impl Subscriber {
    pub(super) fn new(hub: Hub, id: u64, connection: Arc<Connection>, waiting: mpsc::Receiver<Utf8Bytes>) -> Self {
        Self { hub, id, connection, waiting }
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// What was said next. There is always one more to wait for: the connection holds a sender.
    pub(super) async fn next(&mut self) -> Option<Utf8Bytes> {
        self.waiting.recv().await
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.hub.forget(self.id);
    }
}
