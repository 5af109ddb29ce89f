//! Why a connection is closed.

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The process is shutting down. The client may connect again at once.
    ShuttingDown,
    /// A frame that violates the protocol.
    ProtocolError,
    /// A binary message.
    NotText,
    /// A text that is not UTF-8.
    InvalidUtf8,
    /// The token or its session has expired or was revoked.
    SessionExpired,
    /// More messages than `websocket.messages_per_second`.
    TooManyMessages,
    /// A message over `websocket.max_message_bytes`.
    MessageTooLarge,
    /// No pong in time.
    PingTimeout,
    /// More than `websocket.queue_messages` wait for the client, or a message could not be written in time.
    TooSlow,
}

impl CloseReason {
    /// The close code (RFC 6455, section 7.4) and the reason that the client gets.
    #[must_use]
    pub fn code_and_reason(self) -> (u16, &'static str) {
        match self {
            Self::ShuttingDown => (1001, "server shutting down"),
            Self::ProtocolError => (1002, "protocol error"),
            Self::NotText => (1003, "only text messages are supported"),
            Self::InvalidUtf8 => (1007, "invalid UTF-8"),
            Self::SessionExpired => (1008, "session expired"),
            Self::TooManyMessages => (1008, "too many messages"),
            Self::MessageTooLarge => (1009, "message too large"),
            Self::PingTimeout => (1011, "ping timeout"),
            Self::TooSlow => (1013, "client too slow"),
        }
    }
}
