//! Messages between clients. [`Hub`] knows the connections of this process and delivers each message to a room; `bus`
//! sends it to the other processes. Clients connect through `socket` (WebSocket) or `events` (Server-Sent Events).
//! Nothing is stored.

mod bus;
mod close_reason;
mod events;
mod hub;
pub mod session_watcher;
mod socket;
mod subscriber;

pub use close_reason::CloseReason;
pub use events::events;
pub use hub::Hub;
pub use socket::serve_socket;
pub use subscriber::Subscriber;
