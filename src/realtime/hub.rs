//! Who is connected to this process.

use std::collections::HashMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::bus::Bus;
use super::close_reason::CloseReason;
use super::subscriber::{Connection, Subscriber};
use crate::core::config::{Settings, WebsocketSettings};
use crate::error::{Error, Result};
use crate::server::Readiness;
use crate::services::account::principal::SocketPrincipal;

/// Everybody who is connected to this process, by rooms. Clones share it.
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
    of_user: HashMap<Uuid, usize>,
    rooms: HashMap<String, HashMap<u64, Arc<Connection>>>,
    last_id: u64,
    is_stopping: bool,
}

impl State {
    /// Nothing is delivered to it any more, and who serves it learns why.
    fn end(&mut self, id: u64, end: CloseReason) {
        if let Some(connection) = self.connections.get(&id) {
            connection.end(end);
            self.leave(id);
        }
    }

    fn leave(&mut self, id: u64) {
        let Some(connection) = self.connections.get(&id) else { return };
        if let Some(members) = self.rooms.get_mut(&connection.room) {
            members.remove(&id);
            if members.is_empty() {
                self.rooms.remove(&connection.room);
            }
        }
    }
}

impl Hub {
    /// As `websocket` and `redis` in the settings say. Does not connect yet.
    ///
    /// # Errors
    /// For an address of Redis that is none; names the setting.
    pub fn new(settings: &Settings) -> Result<Self, String> {
        let bus = settings.redis.url.as_ref().map(Bus::new).transpose()?;
        Ok(Self(Arc::new(Inner {
            settings: settings.websocket.clone(),
            state: Mutex::default(),
            bus,
            sockets: TaskTracker::new(),
        })))
    }

    /// Delivers the messages of other processes. During the shutdown it closes every connection and returns when the
    /// clients have been told. Run it once per process.
    pub async fn run(&self, readiness: &Readiness) {
        let receive = async {
            match &self.0.bus {
                Some(bus) => bus.run(|room, text| self.deliver(room, &text)).await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = receive => {}
            () = readiness.stopping() => {
                self.lock().is_stopping = true;
                self.end(CloseReason::Stopping, |_| true);
                self.0.sockets.close();
                self.0.sockets.wait().await;
            }
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

    /// A place for one more connection, which ends with the member. From now on what is said in the room waits for it, so
    /// that a client misses nothing that is said once it knows that it was let in.
    ///
    /// # Errors
    /// 429 when the user has as many as he may, 503 when all together have, or the process stops.
    pub fn admit(&self, visitor: SocketPrincipal, room: String) -> Result<Subscriber> {
        let (queue, waiting) = mpsc::channel(self.0.settings.queue_messages);
        let connection = Arc::new(Connection::new(visitor, room.clone(), queue));
        let mut state = self.lock();
        if state.is_stopping {
            return Err(Error::Unavailable("the process stops".into()));
        }
        if state.connections.len() >= self.0.settings.max_connections {
            return Err(Error::Unavailable("websocket.max_connections are open".into()));
        }
        let of_user = state.of_user.entry(visitor.user).or_default();
        if *of_user >= self.0.settings.max_connections_per_user {
            return Err(Error::TooManyConnections);
        }
        *of_user += 1;
        state.last_id += 1;
        let id = state.last_id;
        state.connections.insert(id, Arc::clone(&connection));
        state.rooms.entry(room).or_default().insert(id, Arc::clone(&connection));
        Ok(Subscriber::new(self.clone(), id, connection, waiting))
    }

    pub(super) fn forget(&self, id: u64) {
        let mut state = self.lock();
        state.leave(id);
        let Some(connection) = state.connections.remove(&id) else { return };
        if let Some(of_user) = state.of_user.get_mut(&connection.visitor.user) {
            *of_user -= 1;
            if *of_user == 0 {
                state.of_user.remove(&connection.visitor.user);
            }
        }
    }

    /// Says something to everybody in the room, here and on the other processes. Waits for nobody. No longer than
    /// `websocket.max_message_bytes`: sockets have no buffer for more.
    pub fn publish(&self, room: &str, text: impl Into<Utf8Bytes>) {
        let text = text.into();
        self.deliver(room, &text);
        if let Some(bus) = &self.0.bus {
            bus.publish(room, &text);
        }
    }

    /// One text for all of them: what is copied is a pointer. Who has no room for it is closed.
    fn deliver(&self, room: &str, text: &Utf8Bytes) {
        let mut state = self.lock();
        let Some(members) = state.rooms.get(room) else { return };
        let too_slow: Vec<u64> =
            members.iter().filter(|(_, connection)| !connection.offer(text)).map(|(id, _)| *id).collect();
        for id in too_slow {
            state.end(id, CloseReason::TooSlow);
        }
    }

    /// How many are connected to this process.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// The sessions that are connected, each once.
    #[must_use]
    pub fn sessions(&self) -> Vec<Uuid> {
        let mut sessions: Vec<Uuid> =
            self.lock().connections.values().map(|connection| connection.visitor.session).collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// Closes the connections of these visitors.
    pub fn end(&self, end: CloseReason, is_meant: impl Fn(&SocketPrincipal) -> bool) {
        let mut state = self.lock();
        let meant = state.connections.iter().filter(|(_, connection)| is_meant(&connection.visitor));
        let meant: Vec<u64> = meant.map(|(id, _)| *id).collect();
        for id in meant {
            state.end(id, end);
        }
    }
}
