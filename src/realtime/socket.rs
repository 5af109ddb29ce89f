//! Serves one WebSocket.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncWriteExt, copy, sink};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error, Message, Utf8Bytes};

use super::close_reason::CloseReason;
use super::hub::Hub;
use super::subscriber::{DISCONNECTED, Subscriber};
use crate::core::config::WebsocketSettings;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The read buffer of a socket. The library's default is 128 KiB.
const READ_BYTES: usize = 4 * 1024;
/// Room in the write buffer beside one message: pings, pongs, the close frame, frame headers.
const CONTROL_BYTES: usize = 4 * 1024;
/// How long writing one message may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take to close its side.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The prefix of messages to a room.
const MESSAGE_PREFIX: &str = "Message: ";

/// Serves the socket of a subscriber until either side closes it.
pub async fn serve_socket(connection: OnUpgrade, mut subscriber: Subscriber) {
    // Fails when the client disconnects before it gets the response.
    let Ok(upgraded) = connection.await else { return };
    let hub = subscriber.hub().clone();
    let config = configuration(hub.settings());
    let mut socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let connection = Arc::clone(&subscriber.connection);
    let reason = tokio::select! {
        biased;
        reason = connection.closed() => Some(reason),
        reason = exchange(&mut socket, &mut subscriber, &hub, &connection.room) => reason,
    };
    drop(subscriber);
    hub.publish(&connection.room, Utf8Bytes::from_static(DISCONNECTED));
    if let Some(reason) = reason {
        tracing::debug!(?reason, "closing a socket");
        close(socket, reason).await;
    }
}

fn configuration(settings: &WebsocketSettings) -> WebSocketConfig {
    let max_bytes = settings.max_message_bytes;
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(MESSAGE_PREFIX.len() + max_bytes + CONTROL_BYTES)
        .max_message_size(Some(max_bytes))
        .max_frame_size(Some(max_bytes))
}

/// Publishes the client's messages and sends it those of the room. Returns `None` when the client has disconnected.
async fn exchange(socket: &mut Socket, subscriber: &mut Subscriber, hub: &Hub, room: &str) -> Option<CloseReason> {
    let mut rate = MessageRate::new(hub.settings().messages_per_second);
    let mut ping = pings(hub.settings());
    let mut is_pong_due = false;
    loop {
        let message = tokio::select! {
            biased;
            _ = ping.tick() => {
                if is_pong_due {
                    return Some(CloseReason::PingTimeout);
                }
                is_pong_due = true;
                Message::Ping(Bytes::new())
            }
            received = socket.next() => {
                // Control frames count as well.
                if !rate.allows() {
                    return Some(CloseReason::TooManyMessages);
                }
                match received {
                    Some(Ok(Message::Text(text))) => {
                        hub.publish(room, format!("{MESSAGE_PREFIX}{text}"));
                        // Lets the receivers send it first, so that a fast sender does not fill their queues.
                        tokio::task::yield_now().await;
                    }
                    Some(Ok(Message::Pong(_))) => is_pong_due = false,
                    Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Binary(_))) => return Some(CloseReason::NotText),
                    Some(Ok(Message::Close(_))) => {
                        // Sends the close frame that answers it.
                        let _ = timeout(WRITE_TIMEOUT, socket.flush()).await;
                        return None;
                    }
                    Some(Err(error)) => return close_reason(&error),
                    None => return None,
                }
                continue;
            }
            Some(text) = subscriber.next() => Message::Text(text),
        };
        match timeout(WRITE_TIMEOUT, socket.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return None,
            Err(_) => return Some(CloseReason::TooSlow),
        }
    }
}

fn pings(settings: &WebsocketSettings) -> Interval {
    let every = Duration::from_secs(settings.ping_seconds);
    let mut ping = interval_at(Instant::now() + every, every);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ping
}

/// The reason to close the socket after an error. `None` when the client has disconnected.
fn close_reason(error: &Error) -> Option<CloseReason> {
    match error {
        Error::Capacity(_) => Some(CloseReason::MessageTooLarge),
        Error::Utf8(_) => Some(CloseReason::InvalidUtf8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseReason::ProtocolError),
        _ => None,
    }
}

/// Sends the close frame and waits for the client to close too. What it still sends is read and dropped: unread data
/// would make the system reset the connection before the client has read the reason.
async fn close(mut socket: Socket, reason: CloseReason) {
    let (code, reason) = reason.code_and_reason();
    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
    let closed = async {
        socket.close(Some(frame)).await?;
        let stream = socket.get_mut();
        stream.shutdown().await?;
        copy(stream, &mut sink()).await?;
        Ok::<_, Error>(())
    };
    let _ = timeout(CLOSE_TIMEOUT, closed).await;
}

/// Allows `websocket.messages_per_second`, and bursts of twice as many.
struct MessageRate {
    interval: Duration,
    /// When the whole burst is available again.
    full_at: Instant,
}

impl MessageRate {
    const BURST: Duration = Duration::from_secs(2);

    fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second, full_at: Instant::now() }
    }

    fn allows(&mut self) -> bool {
        let now = Instant::now();
        self.full_at = self.full_at.max(now) + self.interval;
        self.full_at <= now + Self::BURST
    }
}
