//! One WebSocket, from the handshake to the end.

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
use super::subscriber::{LEFT, Subscriber};
use crate::core::config::WebsocketSettings;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Read from a socket at once. The library's own figure would be 128 KiB for each of them.
const READ_BYTES: usize = 4 * 1024;
/// What is written beside the one message under way: pings, pongs, the close frame, heads of frames.
const CONTROL_BYTES: usize = 4 * 1024;
/// How long a client may take to let one message be written.
const WRITING: Duration = Duration::from_secs(5);
/// How long a client may take to close its side.
const CLOSING: Duration = Duration::from_secs(2);
/// What stands before a text that everybody in the room is told.
const SAID: &str = "Message: ";

/// Serves the socket of a subscriber until either side closes it.
pub async fn serve_socket(connection: OnUpgrade, mut subscriber: Subscriber) {
    // Fails when the client is gone before it was answered.
    let Ok(upgraded) = connection.await else { return };
    let hub = subscriber.hub().clone();
    let config = configuration(hub.settings());
    let mut socket = Socket::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let connection = Arc::clone(&subscriber.connection);
    let end = tokio::select! {
        biased;
        end = connection.ended() => Some(end),
        end = exchange(&mut socket, &mut subscriber, &hub, &connection.room) => end,
    };
    drop(subscriber);
    hub.publish(&connection.room, Utf8Bytes::from_static(LEFT));
    if let Some(end) = end {
        tracing::debug!(?end, "a socket is closed");
        close(socket, end).await;
    }
}

fn configuration(settings: &WebsocketSettings) -> WebSocketConfig {
    let most = settings.max_message_bytes;
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(SAID.len() + most + CONTROL_BYTES)
        .max_message_size(Some(most))
        .max_frame_size(Some(most))
}

/// Takes what the client says and gives it what is said. `None` when it has gone by itself.
async fn exchange(socket: &mut Socket, subscriber: &mut Subscriber, hub: &Hub, room: &str) -> Option<CloseReason> {
    let mut pace = Pace::new(hub.settings().messages_per_second);
    let mut ping = pings(hub.settings());
    let mut is_asked = false;
    loop {
        let message = tokio::select! {
            biased;
            _ = ping.tick() => {
                if is_asked {
                    return Some(CloseReason::NoAnswer);
                }
                is_asked = true;
                Message::Ping(Bytes::new())
            }
            heard = socket.next() => {
                // Control frames count as well.
                if !pace.allows() {
                    return Some(CloseReason::TooManyMessages);
                }
                match heard {
                    Some(Ok(Message::Text(text))) => {
                        hub.publish(room, format!("{SAID}{text}"));
                        // Those whom it was said to come first: who says much must not fill their queues.
                        tokio::task::yield_now().await;
                    }
                    Some(Ok(Message::Pong(_))) => is_asked = false,
                    Some(Ok(Message::Ping(_) | Message::Frame(_))) => {}
                    Some(Ok(Message::Binary(_))) => return Some(CloseReason::NotText),
                    Some(Ok(Message::Close(_))) => {
                        // The answer to it.
                        let _ = timeout(WRITING, socket.flush()).await;
                        return None;
                    }
                    Some(Err(error)) => return reason(&error),
                    None => return None,
                }
                continue;
            }
            Some(text) = subscriber.next() => Message::Text(text),
        };
        match timeout(WRITING, socket.send(message)).await {
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

/// What the client has to be told; nothing when it has gone.
fn reason(error: &Error) -> Option<CloseReason> {
    match error {
        Error::Capacity(_) => Some(CloseReason::TooLarge),
        Error::Utf8(_) => Some(CloseReason::NotUtf8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        Error::Protocol(_) => Some(CloseReason::NotTheProtocol),
        _ => None,
    }
}

/// Says why, and waits for the client to close as well. What it still sends is thrown away unread: were it left with
/// the system, that would reset the connection, and the client not learn why.
async fn close(mut socket: Socket, end: CloseReason) {
    let (code, reason) = end.code_and_reason();
    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
    let closed = async {
        socket.close(Some(frame)).await?;
        let stream = socket.get_mut();
        stream.shutdown().await?;
        copy(stream, &mut sink()).await?;
        Ok::<_, Error>(())
    };
    let _ = timeout(CLOSING, closed).await;
}

/// So many messages a second, and twice as many at once.
struct Pace {
    interval: Duration,
    /// When all of them may be sent at once again.
    whole_at: Instant,
}

impl Pace {
    const BURST: Duration = Duration::from_secs(2);

    fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second, whole_at: Instant::now() }
    }

    fn allows(&mut self) -> bool {
        let now = Instant::now();
        self.whole_at = self.whole_at.max(now) + self.interval;
        self.whole_at <= now + Self::BURST
    }
}
