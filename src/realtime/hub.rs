//! The connections of this process, by rooms.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::bus::Bus;
use super::close_reason::CloseReason;
use super::connection::Connection;
use crate::core::config::{Settings, WebsocketSettings};
use crate::error::{Error, Result};
use crate::server::Readiness;
use crate::services::account::principal::SocketPrincipal;

/// The connections of this process, by rooms. Clones share them.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    settings: WebsocketSettings,
    state: Mutex<State>,
    bus: Option<Bus>,
    /// The open WebSockets.
    sockets: TaskTracker,
}

#[derive(Default)]
struct State {
    connections: HashMap<u64, Arc<Connection>>,
    connections_per_user: HashMap<Uuid, usize>,
    rooms: HashMap<String, HashMap<u64, Arc<Connection>>>,
    last_id: u64,
    is_stopping: bool,
}

impl State {
    /// Takes the connection out of its room and asks its task to close it.
    fn close(&mut self, id: u64, reason: CloseReason) {
        if let Some(connection) = self.connections.get(&id) {
            connection.close(reason);
            self.leave(id);
        }
    }

    fn leave(&mut self, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        if let Some(room) = self.rooms.get_mut(&connection.room) {
            room.remove(&id);
            if room.is_empty() {
                self.rooms.remove(&connection.room);
            }
        }
    }
}

impl Hub {
    /// Creates the hub from the `websocket` and `redis` settings. Does not connect.
    ///
    /// # Errors
    /// When the address of Redis is invalid. The message names the setting.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let bus = settings.redis.url.as_ref().map(|url| Bus::new(url, &settings.redis.prefix)).transpose()?;
        Ok(Self(Arc::new(Inner {
            settings: settings.websocket.clone(),
            state: Mutex::default(),
            bus,
            sockets: TaskTracker::new(),
        })))
    }

    /// Delivers the messages of other processes. During the shutdown it closes every connection, and returns when the
    /// WebSockets are closed. Run it once per process.
    pub async fn run(&self, readiness: &Readiness) {
        let receive = async {
            match &self.0.bus {
                Some(bus) => bus.run(|room, text| self.deliver(room, &text)).await,
                None => pending().await,
            }
        };
        let shut_down = async {
            readiness.stopping().await;
            self.lock().is_stopping = true;
            self.close(CloseReason::ShuttingDown, |_| true);
            self.0.sockets.close();
            self.0.sockets.wait().await;
            // Tells the rooms on other processes that the clients disconnected.
            if let Some(bus) = &self.0.bus {
                bus.flush().await;
            }
        };
        tokio::select! {
            () = receive => {}
            () = shut_down => {}
        }
    }

    /// Serves a WebSocket on a task of its own, which [`Self::run`] waits for.
    pub fn spawn(&self, socket: impl Future<Output = ()> + Send + 'static) {
        self.0.sockets.spawn(socket);
    }

    pub(super) fn settings(&self) -> &WebsocketSettings {
        &self.0.settings
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a connection to a room. From now on messages wait for it, so that a client that sees the response to its
    /// handshake misses none.
    ///
    /// # Errors
    /// 429 when the user has reached `websocket.max_connections_per_user`, 503 when all users together have reached
    /// `websocket.max_connections`, and during the shutdown.
    pub fn admit(&self, principal: SocketPrincipal, room: String) -> Result<Subscriber> {
        let (queue, waiting) = mpsc::channel(self.0.settings.queue_messages);
        let connection = Arc::new(Connection::new(principal, room.clone(), queue));
        let mut state = self.lock();
        if state.is_stopping {
            return Err(Error::Unavailable("the process is shutting down".into()));
        }
        if state.connections.len() >= self.0.settings.max_connections {
            return Err(Error::Unavailable("the limit websocket.max_connections is reached".into()));
        }
        let open = state.connections_per_user.entry(principal.user).or_default();
        if *open >= self.0.settings.max_connections_per_user {
            return Err(Error::TooManyConnections);
        }
        *open += 1;
        state.last_id += 1;
        let id = state.last_id;
        state.connections.insert(id, Arc::clone(&connection));
        state.rooms.entry(room).or_default().insert(id, Arc::clone(&connection));
        Ok(Subscriber { hub: self.clone(), id, connection, waiting })
    }

    pub(super) fn forget(&self, id: u64) {
        let mut state = self.lock();
        state.leave(id);
        let Some(connection) = state.connections.remove(&id) else { return };
        if let Some(open) = state.connections_per_user.get_mut(&connection.principal.user) {
            *open -= 1;
            if *open == 0 {
                state.connections_per_user.remove(&connection.principal.user);
            }
        }
    }

    /// Sends a text to a room, on this process and the others, without waiting. It must not be longer than
    /// `websocket.max_message_bytes`, because sockets have no buffer for more.
    pub fn publish(&self, room: &str, text: impl Into<Utf8Bytes>) {
        let text = text.into();
        self.deliver(room, &text);
        if let Some(bus) = &self.0.bus {
            bus.publish(room, &text);
        }
    }

    /// Queues the text for every connection of the room. A connection whose queue is full is closed.
    fn deliver(&self, room: &str, text: &Utf8Bytes) {
        let mut state = self.lock();
        let Some(connections) = state.rooms.get(room) else { return };
        let too_slow: Vec<u64> =
            connections.iter().filter(|(_, connection)| !connection.offer(text)).map(|(id, _)| *id).collect();
        for id in too_slow {
            state.close(id, CloseReason::TooSlow);
        }
    }

    /// The number of connections.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// The number of WebSockets.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.0.sockets.len()
    }

    /// The sessions of all connections, without duplicates.
    #[must_use]
    pub fn sessions(&self) -> Vec<Uuid> {
        let mut sessions: Vec<Uuid> =
            self.lock().connections.values().map(|connection| connection.principal.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Closes the connections of these principals.
    pub fn close(&self, reason: CloseReason, is_affected: impl Fn(&SocketPrincipal) -> bool) {
        let mut state = self.lock();
        let affected = state.connections.iter().filter(|(_, connection)| is_affected(&connection.principal));
        let affected: Vec<u64> = affected.map(|(id, _)| *id).collect();
        for id in affected {
            state.close(id, reason);
        }
    }
}

/// A connection, as its task sees it, with the messages that wait for it. The hub forgets it when it is dropped.
pub struct Subscriber {
    hub: Hub,
    id: u64,
    pub(super) connection: Arc<Connection>,
    waiting: mpsc::Receiver<Utf8Bytes>,
}

impl Subscriber {
    pub(super) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// The next message. Never `None`, because the connection holds a sender.
    pub(super) async fn next(&mut self) -> Option<Utf8Bytes> {
        self.waiting.recv().await
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.hub.forget(self.id);
    }
}
