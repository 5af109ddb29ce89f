//! Messages between clients, as they are said: [`Hub`] knows who is connected to this process and hands each message to
//! everybody in a room, [`bus`] takes it to the other processes, [`socket`] and [`events`](mod@events) are the two ways in which a
//! client is connected. Nothing is stored.

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
