//! Password hashing and strength. Hashes are made on blocking threads, a limited number at a time.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

use crate::core::config::AuthSettings;
use crate::core::telemetry::Counted;

/// Bytes of a password that bcrypt uses.
const BCRYPT_LENGTH: usize = 72;
/// Passwords that may wait for their hash. Two cores hash about a hundred in a second.
const MAX_WAITING: usize = 1000;

/// Why a password was not hashed. Never because of the password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many others are waiting.
    #[error("{MAX_WAITING} passwords wait for their hashes")]
    Overloaded,
    /// Memory or threads are lacking.
    #[error("cannot hash a password: {0}")]
    Failed(String),
}

impl HashError {
    fn new(cause: impl std::fmt::Display) -> Self {
        Self::Failed(cause.to_string())
    }
}

type Result<T> = std::result::Result<T, HashError>;

/// Hashes and verifies passwords. Clones share the limit of concurrent hashes.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    permits: Arc<Semaphore>,
    queue: Semaphore,
    argon2: Argon2<'static>,
    min_length: usize,
    /// Verified in place of an unknown user's hash, so that the response takes as long as for a known one. It has the
    /// configured cost, and no password matches it.
    dummy_hash: String,
}

/// The result of verifying a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password is wrong, or the user does not exist.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, but the hash has another algorithm or cost than configured.
    NeedsRehash,
}

/// Why a new password is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// Shorter than `auth.password_min_length`, which is given.
    TooShort(usize),
    /// Easy to guess.
    Common,
    /// Contains the user's own name or email.
    Personal,
}

impl Passwords {
    /// Hashes with the configured cost, at most `auth.hash_concurrency` at a time.
    ///
    /// # Errors
    /// For costs that argon2 rejects. The message names the setting.
    pub fn new(settings: &AuthSettings) -> std::result::Result<Self, String> {
        let (memory, iterations) = (settings.hash_memory_kib, settings.hash_iterations);
        let params = Params::new(memory, iterations, Params::DEFAULT_P_COST, None);
        let params = params.map_err(|error| format!("auth.hash_memory_kib, auth.hash_iterations: {error}"))?;
        let lanes = Params::DEFAULT_P_COST;
        Ok(Self(Arc::new(Inner {
            permits: Arc::new(Semaphore::new(settings.hash_concurrency)),
            queue: Semaphore::new(MAX_WAITING),
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            min_length: settings.password_min_length,
            dummy_hash: format!(
                "$argon2id$v=19$m={memory},t={iterations},p={lanes}$bm9ib2R5IGhhcyB0aGlzIQ${}",
                "A".repeat(43)
            ),
        })))
    }

    /// Hashes a new password, in PHC string format with a random salt; or returns the reason to reject it. `own` holds
    /// the user's email, username and name, which an attacker may know.
    ///
    /// # Errors
    /// When too many passwords wait, and for lack of memory or threads.
    pub async fn hash(
        &self,
        password: SecretString,
        own: Vec<String>,
    ) -> Result<std::result::Result<String, Weakness>> {
        let inner = Arc::clone(&self.0);
        self.off_thread(move || {
            let password = normalized(&password);
            match weakness(password.expose_secret(), &own, inner.min_length) {
                Some(weakness) => Ok(Err(weakness)),
                None => inner.hash_now(&password).map(Ok),
            }
        })
        .await?
    }

    /// Hashes a password without checking its strength.
    ///
    /// # Errors
    /// When too many passwords wait, and for lack of memory or threads.
    pub async fn hash_unchecked(&self, password: SecretString) -> Result<String> {
        let inner = Arc::clone(&self.0);
        self.off_thread(move || inner.hash_now(&normalized(&password))).await?
    }

    /// Verifies a password. Without a hash, because the user does not exist, the verdict is `Wrong` after the same
    /// work.
    ///
    /// # Errors
    /// When too many passwords wait, and for lack of memory or threads.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<Verdict> {
        let inner = Arc::clone(&self.0);
        self.off_thread(move || {
            let verdict = inner.verify_now(&password, hash.as_deref().unwrap_or(&inner.dummy_hash));
            if hash.is_some() { verdict } else { Verdict::Wrong }
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let place = self.0.queue.try_acquire().map_err(|_| HashError::Overloaded)?;
        let waiting = Counted::new(metrics::gauge!("password_hashes", "state" => "waiting")); // only with observability
        let permit = Arc::clone(&self.0.permits).acquire_owned().await.map_err(HashError::new)?;
        drop((waiting, place));
        let running = Counted::new(metrics::gauge!("password_hashes", "state" => "running")); // only with observability
        let work = move || {
            // Held until the hash is done: an aborted request must not admit another hash meanwhile.
            let _held = (permit, running);
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(HashError::new)
    }
}

impl Inner {
    fn hash_now(&self, normalized: &SecretString) -> Result<String> {
        let hash = self.argon2.hash_password(normalized.expose_secret().as_bytes());
        hash.map(|hash| hash.to_string()).map_err(HashError::new)
    }

    fn verify_now(&self, password: &SecretString, hash: &str) -> Verdict {
        if hash.starts_with("$2") {
            // Imported from another service, which did not normalise passwords.
            let password = password.expose_secret();
            return match bcrypt::verify(password, hash) {
                // bcrypt ignores the rest, so this may not be the whole password. A new hash would include the rest.
                Ok(true) if password.len() >= BCRYPT_LENGTH => Verdict::Right,
                Ok(true) => Verdict::NeedsRehash,
                Ok(false) | Err(_) => Verdict::Wrong,
            };
        }
        let Ok(hash) = PasswordHash::new(hash) else { return Verdict::Wrong };
        // Verifies with the algorithm and cost of the hash.
        if self.argon2.verify_password(normalized(password).expose_secret().as_bytes(), &hash).is_err() {
            return Verdict::Wrong;
        }
        let ours = self.argon2.params();
        let is_current = hash.algorithm.as_str() == "argon2id"
            && Params::try_from(&hash).is_ok_and(|costs| {
                (costs.m_cost(), costs.t_cost(), costs.p_cost()) == (ours.m_cost(), ours.t_cost(), ours.p_cost())
            });
        if is_current { Verdict::Right } else { Verdict::NeedsRehash }
    }
}

/// Whether two passwords are the same, however they were typed.
#[must_use]
pub fn is_same_password(one: &SecretString, other: &SecretString) -> bool {
    normalized(one).expose_secret() == normalized(other).expose_secret()
}

/// Normalises equivalent texts to one form (NFKC, as NIST SP 800-63B advises): keyboards encode `é` differently.
fn normalized(password: &SecretString) -> SecretString {
    password.expose_secret().nfkc().collect::<String>().into()
}

/// Words of the user's name and email that are shorter than this may be part of the password.
const MIN_OWN_WORD_LENGTH: usize = 4;

/// How many characters of a password are estimated.
const ESTIMATED_LENGTH: usize = 32;

fn weakness(password: &str, own: &[String], min_length: usize) -> Option<Weakness> {
    if password.chars().count() < min_length {
        return Some(Weakness::TooShort(min_length));
    }
    let lower = password.to_lowercase();
    let words = own.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()).chain([text.as_str()]));
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.iter().any(|word| word.chars().count() >= MIN_OWN_WORD_LENGTH && lower.contains(word)) {
        return Some(Weakness::Personal);
    }
    let known: Vec<&str> = words.iter().map(String::as_str).collect();
    // Estimating a long password takes long, and its first characters are strong enough already.
    let start: String = password.chars().take(ESTIMATED_LENGTH).collect();
    (zxcvbn(&start, &known).score() < Score::Two).then_some(Weakness::Common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::{Sources, load};

    #[tokio::test]
    async fn password_beyond_the_queue_is_refused_at_once() {
        let passwords = Passwords::new(&load(&Sources::default()).unwrap().auth).unwrap();
        let places = passwords.0.queue.try_acquire_many(u32::try_from(MAX_WAITING).unwrap()).unwrap();
        let verify = || passwords.verify(SecretString::from("password"), None);
        assert!(matches!(verify().await, Err(HashError::Overloaded)));
        drop(places);
        assert_eq!(verify().await.unwrap(), Verdict::Wrong);
    }

    #[test]
    fn dummy_hash_costs_as_much_as_a_real_one() {
        let passwords = Passwords::new(&load(&Sources::default()).unwrap().auth).unwrap();
        let parts = |hash: &str| hash.split('$').map(str::to_owned).collect::<Vec<_>>();
        let real = parts(&passwords.0.hash_now(&SecretString::from("password")).unwrap());
        let dummy = parts(&passwords.0.dummy_hash);
        assert_eq!(real[..4], dummy[..4], "algorithm, version, costs");
        assert_eq!((real[4].len(), real[5].len()), (dummy[4].len(), dummy[5].len()), "salt, result");
        assert!(PasswordHash::new(&passwords.0.dummy_hash).is_ok(), "the dummy hash parses, so it is verified");
    }
}
