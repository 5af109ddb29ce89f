//! One who is connected.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, mpsc};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::end::End;
use super::hub::{Hub, Visitor};

/// A connection, as the hub knows it.
pub(super) struct Connection {
    pub visitor: Visitor,
    queue: mpsc::Sender<Utf8Bytes>,
    room: OnceLock<String>,
    end: OnceLock<End>,
    ended: Notify,
}

impl Connection {
    pub fn new(visitor: Visitor, queue: mpsc::Sender<Utf8Bytes>) -> Self {
        Self { visitor, queue, room: OnceLock::new(), end: OnceLock::new(), ended: Notify::new() }
    }

    /// The room that it has entered.
    pub fn room(&self) -> Option<&str> {
        self.room.get().map(String::as_str)
    }

    pub fn enter(&self, room: &str) {
        self.room.get_or_init(|| room.to_owned());
    }

    /// Whether there was room for the text.
    pub fn offer(&self, text: &Utf8Bytes) -> bool {
        self.queue.try_send(text.clone()).is_ok()
    }

    /// The first reason counts.
    pub fn end(&self, end: End) {
        if self.end.set(end).is_ok() {
            self.ended.notify_one();
        }
    }

    pub fn has_ended(&self) -> bool {
        self.end.get().is_some()
    }

    /// Waits for the end. For one who waits.
    pub async fn ended(&self) -> End {
        loop {
            if let Some(end) = self.end.get() {
                return *end;
            }
            self.ended.notified().await;
        }
    }
}

/// A place among those who are connected, and what is said to it. Leaves when it is dropped.
pub struct Member {
    hub: Hub,
    id: u64,
    pub(super) connection: Arc<Connection>,
    waiting: mpsc::Receiver<Utf8Bytes>,
}

impl Member {
    pub(super) fn new(hub: Hub, id: u64, connection: Arc<Connection>, waiting: mpsc::Receiver<Utf8Bytes>) -> Self {
        Self { hub, id, connection, waiting }
    }

    /// From now on it hears what is said in the room. One room a member.
    pub(super) fn enter(&self, room: &str) {
        self.hub.enter(self.id, room);
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// What was said next, or why nothing will be any more.
    pub(super) async fn next(&mut self) -> Result<Utf8Bytes, End> {
        tokio::select! {
            biased;
            end = self.connection.ended() => Err(end),
            // The connection holds a sender, so that there is always one more to wait for.
            Some(text) = self.waiting.recv() => Ok(text),
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.hub.forget(self.id);
    }
}
