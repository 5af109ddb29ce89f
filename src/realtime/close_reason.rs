//! Why a connection is closed.

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The process ends; the client may connect to another one at once.
    Stopping,
    /// What came is against the protocol.
    NotTheProtocol,
    /// A binary message.
    NotText,
    /// A text that is no UTF-8.
    NotUtf8,
    /// The token or its session has ended, or the user may not log in any more.
    SessionOver,
    /// More messages than `websocket.messages_per_second`.
    TooManyMessages,
    /// A message over `websocket.max_message_bytes`.
    TooLarge,
    /// No answer to a ping.
    NoAnswer,
    /// More than `websocket.queue_messages` are waiting for the client, or nothing could be written for a while.
    TooSlow,
}

impl CloseReason {
    /// The table: the close code (RFC 6455, section 7.4), and what the client is told.
    #[must_use]
    pub fn code_and_reason(self) -> (u16, &'static str) {
        match self {
            Self::Stopping => (1001, "the server stops"),
            Self::NotTheProtocol => (1002, "not a frame of the protocol"),
            Self::NotText => (1003, "only text is taken"),
            Self::NotUtf8 => (1007, "not UTF-8"),
            Self::SessionOver => (1008, "the session has ended"),
            Self::TooManyMessages => (1008, "too many messages"),
            Self::TooLarge => (1009, "the message is too large"),
            Self::NoAnswer => (1011, "no answer to a ping"),
            Self::TooSlow => (1013, "too slow for what is said"),
        }
    }
}
