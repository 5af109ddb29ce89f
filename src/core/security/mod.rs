//! Passwords, tokens, and other secrets.

mod passwords;
mod secrets;
mod tokens;

pub use passwords::{HashError, Passwords, Verdict, Weakness, is_same_password};
pub use secrets::{API_KEY_PREFIX, RefreshToken, hash_secret, new_secret};
pub use tokens::{Claims, InvalidToken, IssuedToken, TokenSubject, Tokens};
