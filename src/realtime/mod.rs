//! Messages between clients. [`Hub`] knows the connections of this process and delivers each message to a room; `bus`
//! sends it to the other processes. Clients connect through `socket` (WebSocket) or `events` (Server-Sent Events).
//! Nothing is stored.

mod bus;
mod close_reason;
mod connection;
mod events;
mod hub;
pub mod session_watcher;
mod socket;

pub use close_reason::CloseReason;
pub use events::events;
pub use hub::{Hub, Subscriber};
pub use socket::serve_socket;
