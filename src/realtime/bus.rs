//! The way to the other processes: one channel of Redis, which all of them hear. What is said while Redis is away
//! reaches this process alone; nothing waits for it, and nothing is sent later.

use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{Client, RedisError};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{error::Elapsed, sleep, timeout};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;

const CHANNEL: &str = concat!(env!("CARGO_PKG_NAME"), ":realtime");
/// Messages on their way to Redis; more are not sent.
const QUEUE: usize = 1024;
/// How long Redis may take for one thing.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often something is sent in any case, and how long nothing may come back: a connection that leads nowhere any
/// more looks like one on which nothing is said.
const HEARTBEAT: Duration = Duration::from_secs(2);
const SILENCE: Duration = Duration::from_secs(6);
/// How long to rest before Redis is tried again: longer each time.
const REST: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What a process says to the others, and hears from them.
pub(super) struct Bus {
    client: Client,
    /// By which a process knows what it has said itself.
    id: String,
    sender: mpsc::Sender<String>,
    queue: Mutex<mpsc::Receiver<String>>,
}

/// Why Redis is left alone for a while.
#[derive(Debug, thiserror::Error)]
enum Lost {
    #[error("{0}")]
    Failed(#[from] RedisError),
    #[error("it does not answer")]
    Slow(#[from] Elapsed),
    #[error("the subscription has ended")]
    Ended,
}

impl Bus {
    pub fn new(url: &SecretString) -> Result<Self, String> {
        let client = Client::open(url.expose_secret());
        let client = client.map_err(|_| "redis.url: not the address of a Redis server".to_owned())?;
        let (sender, queue) = mpsc::channel(QUEUE);
        Ok(Self { client, id: Uuid::new_v4().simple().to_string(), sender, queue: Mutex::new(queue) })
    }

    pub fn publish(&self, room: &str, text: &str) {
        // Full while Redis is away.
        let _ = self.sender.try_send(format!("{} {room} {text}", self.id));
    }

    /// Hears what the others say, and says what is to be said, from now on.
    pub async fn run(&self, hear: impl Fn(&str, Utf8Bytes)) {
        let mut queue = self.queue.lock().await;
        let (mut rest, mut is_away) = (REST.0, false);
        loop {
            let lost = match self.connect().await {
                Ok((subscription, connection)) => {
                    if is_away {
                        tracing::info!("Redis is back: messages reach the other processes again");
                    }
                    (rest, is_away) = (REST.0, false);
                    tokio::select! {
                        lost = self.listen(subscription, &hear) => lost,
                        lost = self.speak(connection, &mut queue) => lost,
                    }
                }
                Err(lost) => lost,
            };
            if !is_away {
                tracing::warn!(%lost, "Redis is away: messages stay in this process");
            }
            is_away = true;
            sleep(rest).await;
            rest = (rest * 2).min(REST.1);
            // What was meant for then is not said now.
            while queue.try_recv().is_ok() {}
        }
    }

    async fn connect(&self) -> Result<(PubSub, MultiplexedConnection), Lost> {
        let mut subscription = timeout(TIMEOUT, self.client.get_async_pubsub()).await??;
        timeout(TIMEOUT, subscription.subscribe(CHANNEL)).await??;
        let connection = timeout(TIMEOUT, self.client.get_multiplexed_async_connection()).await??;
        Ok((subscription, connection))
    }

    async fn listen(&self, subscription: PubSub, hear: impl Fn(&str, Utf8Bytes)) -> Lost {
        let mut messages = subscription.into_on_message();
        loop {
            match timeout(SILENCE, messages.next()).await {
                Ok(Some(message)) => {
                    let said: String = message.get_payload().unwrap_or_default();
                    let mut parts = said.splitn(3, ' ');
                    if let (Some(from), Some(room), Some(text)) = (parts.next(), parts.next(), parts.next())
                        && from != self.id
                    {
                        hear(room, text.into());
                    }
                }
                Ok(None) => return Lost::Ended,
                Err(silence) => return silence.into(),
            }
        }
    }

    async fn speak(&self, mut connection: MultiplexedConnection, queue: &mut mpsc::Receiver<String>) -> Lost {
        loop {
            // The heartbeat is this process's name and nothing said.
            let said = timeout(HEARTBEAT, queue.recv()).await.ok().flatten().unwrap_or_else(|| self.id.clone());
            let publish = redis::cmd("PUBLISH").arg(CHANNEL).arg(said).take();
            match timeout(TIMEOUT, publish.query_async::<()>(&mut connection)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return error.into(),
                Err(slow) => return slow.into(),
            }
        }
    }
}
