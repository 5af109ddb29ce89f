//! Messages between processes, through one Redis channel. While Redis is unavailable, messages reach only the clients
//! of this process; they are not sent later.

use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Client, RedisError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{error::Elapsed, sleep, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

/// Messages that wait for Redis. Further ones are dropped.
const CAPACITY: usize = 1024;
/// How long Redis may take for one step.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often this process publishes a message, if only an empty one.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// A connection that receives nothing for this long, not even heartbeats, is dead.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(6);
/// The delay before the first attempt to reconnect. It doubles with each further one, up to the longest.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
const LONGEST_RETRY_DELAY: Duration = Duration::from_secs(2);

/// Publishes messages to the other processes and receives theirs.
pub(super) struct Bus {
    client: Client,
    /// The Redis channel: `redis.prefix` and `:realtime`.
    channel: String,
    /// Marks the messages of this process, which Redis sends back to it.
    id: String,
    sender: mpsc::Sender<Outgoing>,
    queue: Mutex<mpsc::Receiver<Outgoing>>,
}

/// An entry of the queue.
enum Outgoing {
    Message(String),
    /// Reports that everything before it was published.
    Flush(oneshot::Sender<()>),
}

/// Why the connection was lost.
#[derive(Debug, thiserror::Error)]
enum ConnectionLost {
    #[error("{0}")]
    Failed(#[from] RedisError),
    #[error("no response in time")]
    TimedOut(#[from] Elapsed),
    #[error("the subscription has ended")]
    Ended,
}

impl Bus {
    pub fn new(url: &SecretString, prefix: &str) -> Result<Self, String> {
        let client = Client::open(url.expose_secret());
        let client = client.map_err(|_| "redis.url: not the address of a Redis server".to_owned())?;
        let (sender, queue) = mpsc::channel(CAPACITY);
        let (channel, id) = (format!("{prefix}:realtime"), Uuid::new_v4().simple().to_string());
        Ok(Self { client, channel, id, sender, queue: Mutex::new(queue) })
    }

    pub fn publish(&self, room: &str, text: &str) {
        // The queue is full while Redis is unavailable.
        let _ = self.sender.try_send(Outgoing::Message(format!("{} {room} {text}", self.id)));
    }

    /// Waits until the queued messages are published, but not longer than Redis may take.
    pub async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.sender.try_send(Outgoing::Flush(done)).is_ok() {
            let _ = timeout(TIMEOUT, flushed).await;
        }
    }

    /// Publishes queued messages and passes received ones on. Never returns.
    pub async fn run(&self, receive: impl Fn(&str, Utf8Bytes)) {
        let mut queue = self.queue.lock().await;
        let (mut delay, mut is_lost) = (FIRST_RETRY_DELAY, false);
        loop {
            let lost = match self.connect().await {
                Ok((subscription, connection)) => {
                    if is_lost {
                        tracing::info!("Redis is available: messages reach the other processes again");
                    }
                    (delay, is_lost) = (FIRST_RETRY_DELAY, false);
                    tokio::select! {
                        lost = self.receive_all(subscription, &receive) => lost,
                        lost = self.publish_all(connection, &mut queue) => lost,
                    }
                }
                Err(lost) => lost,
            };
            if !is_lost {
                tracing::warn!(%lost, "Redis is unavailable: messages stay in this process");
            }
            is_lost = true;
            sleep(delay).await;
            delay = (delay * 2).min(LONGEST_RETRY_DELAY);
            // These messages are too old by now.
            while queue.try_recv().is_ok() {}
        }
    }

    async fn connect(&self) -> Result<(PubSub, MultiplexedConnection), ConnectionLost> {
        let mut subscription = timeout(TIMEOUT, self.client.get_async_pubsub()).await??;
        timeout(TIMEOUT, subscription.subscribe(&self.channel)).await??;
        let connection = timeout(TIMEOUT, self.client.get_multiplexed_async_connection()).await??;
        Ok((subscription, connection))
    }

    async fn receive_all(&self, subscription: PubSub, receive: impl Fn(&str, Utf8Bytes)) -> ConnectionLost {
        let mut messages = subscription.into_on_message();
        loop {
            match timeout(RECEIVE_TIMEOUT, messages.next()).await {
                Ok(Some(message)) => {
                    let payload: String = message.get_payload().unwrap_or_default();
                    let mut parts = payload.splitn(3, ' ');
                    if let (Some(from), Some(room), Some(text)) = (parts.next(), parts.next(), parts.next())
                        && from != self.id
                    {
                        receive(room, text.into());
                    }
                }
                Ok(None) => return ConnectionLost::Ended,
                Err(timed_out) => return timed_out.into(),
            }
        }
    }

    async fn publish_all(
        &self,
        mut connection: MultiplexedConnection,
        queue: &mut mpsc::Receiver<Outgoing>,
    ) -> ConnectionLost {
        loop {
            let payload = match timeout(HEARTBEAT_INTERVAL, queue.recv()).await {
                Ok(Some(Outgoing::Message(payload))) => payload,
                Ok(Some(Outgoing::Flush(done))) => {
                    let _ = done.send(());
                    continue;
                }
                // A heartbeat is the id of this process without a message.
                Ok(None) | Err(_) => self.id.clone(),
            };
            let publish = redis::cmd("PUBLISH").arg(&self.channel).arg(payload).take();
            match timeout(TIMEOUT, publish.query_async::<()>(&mut connection)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.into(),
                Err(timed_out) => return timed_out.into(),
            }
        }
    }
}
