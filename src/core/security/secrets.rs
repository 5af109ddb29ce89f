//! Opaque secrets, for example refresh tokens. They are random and cannot be guessed, so a plain hash
//! protects them at rest.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

// only with api_keys
/// The prefix of API keys, by which people and secret scanners recognise them.
pub const API_KEY_PREFIX: &str = "keel_";

/// The length of a secret: 256 bits.
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

/// The hash of a secret to store: SHA-256, 43 characters of base64url.
#[must_use]
pub fn hash_secret(secret: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

/// A refresh token: the family, which identifies the session and is the same in all its tokens, and a secret that is
/// new in each token. A known family with an old secret means that a used token was sent again.
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

    /// Parses a token. `None` for invalid text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (family, secret) = bytes.split_first_chunk::<BYTES>()?;
        Some(Self { family: *family, secret: secret.try_into().ok()? })
    }

    /// The token as sent to the client.
    #[must_use]
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.family, self.secret].concat())
    }

    /// The hash that identifies the session.
    #[must_use]
    pub fn family_hash(&self) -> String {
        hash_secret(self.family)
    }

    /// The hash that identifies the newest token of the session.
    #[must_use]
    pub fn secret_hash(&self) -> String {
        hash_secret(self.secret)
    }

    /// The next token. It is derived with `key`, so a client whose response was lost, or that sent several requests at
    /// once, gets the same token again although it is stored nowhere.
    pub(super) fn next(&self, key: &SecretString) -> Self {
        let secret = keyed(key, &[b"refresh token", &self.family, &self.secret]);
        Self { family: self.family, secret }
    }
}

/// HMAC-SHA256 over the parts, each with its length.
fn keyed(key: &SecretString, parts: &[&[u8]]) -> [u8; BYTES] {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).expect("a key");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A keyed hash: equal for equal texts, and useless without the key.
pub(super) fn fingerprint(key: &SecretString, parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(keyed(key, &[&[b"fingerprint".as_slice()], parts].concat()))
}
