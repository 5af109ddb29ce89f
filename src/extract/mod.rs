//! Other arguments of handlers: from headers, the client's address, and bodies that need more than one type.

mod client;
mod etag;
mod handshake;
mod idempotent;
mod origin;
mod token_form;
mod trace;

pub use client::FromClient;
pub use etag::{IfMatch, IfNoneMatch, etag};
pub use handshake::Handshake;
pub use idempotent::{IDEMPOTENCY_KEY, IdempotencyHeader, Idempotent};
pub use origin::KnownOrigin;
pub use token_form::ValidTokenForm;
pub use trace::FromTrace;
