//! Opaque secrets: refresh tokens, links in mails, API keys. They are random, so a plain hash is enough at rest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The prefix of API keys, by which people and secret scanners recognise them: the package's name.
pub const API_KEY_PREFIX: &str = concat!(env!("CARGO_PKG_NAME"), "_");

/// Bytes of a secret: 256 bits.
const BYTES: usize = 32;

/// Random bytes from the operating system.
#[expect(clippy::expect_used, reason = "as for every `Uuid::new_v4`: a system without randomness cannot serve")]
fn random() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// A new secret: 43 characters of base64url.
#[must_use]
pub fn new_secret() -> String {
    URL_SAFE_NO_PAD.encode(random())
}

/// The form in which a secret is stored: its SHA-256, 43 characters of base64url.
#[must_use]
pub fn hash_secret(secret: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// A refresh token. Its first part is shared by all refresh tokens of a session and finds the session; its second part
/// is new in each of them. A token with a known first part and an old second part was used before.
#[derive(Clone)]
pub struct RefreshToken {
    family: [u8; BYTES],
    secret: [u8; BYTES],
}

impl RefreshToken {
    /// The first token of a new session.
    #[must_use]
    pub fn random() -> Self {
        Self { family: random(), secret: random() }
    }

    /// Parses a token; `None` if the text does not have its form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (family, secret) = bytes.split_first_chunk::<BYTES>()?;
        Some(Self { family: *family, secret: secret.try_into().ok()? })
    }

    /// The token as the client gets it.
    #[must_use]
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.family, self.secret].concat())
    }

    /// The hash that finds the session.
    #[must_use]
    pub fn family_hash(&self) -> String {
        hash_secret(self.family)
    }

    /// The hash that tells whether this is the newest token of the session.
    #[must_use]
    pub fn secret_hash(&self) -> String {
        hash_secret(self.secret)
    }

    /// The next token. Derived with `key` and stored nowhere, it is the same every time, so a client that lost the
    /// response or sent the request twice can be given it again.
    pub(super) fn next(&self, key: &SecretString) -> Self {
        let secret = keyed(key, &[b"refresh token", &self.family, &self.secret]);
        Self { family: self.family, secret }
    }
}

/// HMAC-SHA256 over the parts, each preceded by its length.
fn keyed(key: &SecretString, parts: &[&[u8]]) -> [u8; BYTES] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).expect("a key");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The token of the mailed link that this row stands for. It is stored nowhere, and the job that mails it can tell it
/// again.
pub(super) fn link(key: &SecretString, row: Uuid) -> String {
    URL_SAFE_NO_PAD.encode(keyed(key, &[b"mailed link", row.as_bytes()]))
}

/// A keyed hash that tells texts apart without revealing them.
pub(super) fn fingerprint(key: &SecretString, parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(keyed(key, &[&[b"fingerprint".as_slice()], parts].concat()))
}
