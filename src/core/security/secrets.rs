//! Opaque secrets: refresh tokens, links in mails, API keys. They are random, so that a plain hash of
//! them is enough at rest: nobody can guess what was hashed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What begins an API key, so that people and scanners know one when they see it.
pub const API_KEY_PREFIX: &str = "kl_";

/// Bytes of a secret: 256 bits.
const BYTES: usize = 32;

/// Random bytes of the system.
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

/// What is stored of a secret: its SHA-256, 43 characters of base64url.
#[must_use]
pub fn hash_secret(secret: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// A refresh token: a part that all tokens of a session share and by which the session is found, and a
/// part that is new with each of them. Who has the first and not the newest second part shows a token that was
/// spent, and not one that somebody made up.
#[derive(Clone)]
pub struct RefreshToken {
    family: [u8; BYTES],
    secret: [u8; BYTES],
}

impl RefreshToken {
    /// The first one of a new session.
    #[must_use]
    pub fn random() -> Self {
        Self { family: random(), secret: random() }
    }

    /// Reads a token; `None` for what cannot be one.
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

    /// What is stored to find the session.
    #[must_use]
    pub fn family_hash(&self) -> String {
        hash_secret(self.family)
    }

    /// What is stored to tell whether this is the newest token.
    #[must_use]
    pub fn secret_hash(&self) -> String {
        hash_secret(self.secret)
    }

    /// The token that follows. It is always the same one, so that a client whose answer was lost, or who asked
    /// twenty times at once, is given it again, although it is stored nowhere. Only who has `key` can tell it.
    pub(super) fn next(&self, key: &SecretString) -> Self {
        let secret = keyed(key, &[b"refresh token", &self.family, &self.secret]);
        Self { family: self.family, secret }
    }
}

/// HMAC-SHA256 over the parts, each told from the next by its length.
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

/// What tells two texts apart and says nothing about them to who does not have the key.
pub(super) fn fingerprint(key: &SecretString, parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(keyed(key, &[&[b"fingerprint".as_slice()], parts].concat()))
}
