//! Passwords and tokens.

mod passwords;
mod tokens;

pub use passwords::Passwords;
pub use tokens::{Claims, IssuedToken, Tokens};
