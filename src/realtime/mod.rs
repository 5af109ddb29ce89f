//! Messages between clients, as they are said: [`Hub`] knows who is connected to this process and hands each message to
//! everybody in a room, [`bus`] takes it to the other processes, [`socket`] and [`events`](mod@events) are the two ways in which a
//! client is connected. Nothing is stored.

mod bus;
mod end;
mod events;
mod hub;
mod member;
mod socket;

pub use end::End;
pub use events::events;
pub use hub::{Hub, Visitor};
pub use member::Member;
pub use socket::talk;
