//! Passwords: what may be one, and their hashes, made off the async threads, a few at a time.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;
use zxcvbn::{Score, zxcvbn};

use crate::core::config::AuthSettings;

/// Hashing failed: never because of the password, only for lack of memory or threads.
#[derive(Debug, thiserror::Error)]
#[error("cannot hash a password: {0}")]
pub struct HashError(String);

impl HashError {
    fn new(cause: impl std::fmt::Display) -> Self {
        Self(cause.to_string())
    }
}

type Result<T> = std::result::Result<T, HashError>;

/// Hashes and verifies passwords. Clones share the limit of how many are hashed at once.
#[derive(Clone)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    permits: Arc<Semaphore>,
    argon2: Argon2<'static>,
    min_length: usize,
    /// What an unknown user's password is compared with, so that the answer takes as long as for a known one:
    /// the cost of a hash of ours, and a result that no password has.
    dummy_hash: String,
}

/// What comparing a password with its hash tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or there is no such user.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, but its hash is not what a new one would be: of another kind, or cheaper.
    NeedsRehash,
}

/// Why a password cannot be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// Shorter than `auth.password_min_length`, which this is.
    TooShort(usize),
    /// Among the first that somebody would try.
    Common,
    /// Made of the user's own name or address.
    Personal,
}

impl Passwords {
    /// At most `auth.hash_concurrency` hashes at the same time, each as dear as the settings say.
    ///
    /// # Errors
    /// For costs that argon2 does not take; names the setting.
    pub fn new(settings: &AuthSettings) -> std::result::Result<Self, String> {
        let (memory, iterations) = (settings.hash_memory_kib, settings.hash_iterations);
        let params = Params::new(memory, iterations, Params::DEFAULT_P_COST, None);
        let params = params.map_err(|error| format!("auth.hash_memory_kib, auth.hash_iterations: {error}"))?;
        let lanes = Params::DEFAULT_P_COST;
        Ok(Self(Arc::new(Inner {
            permits: Arc::new(Semaphore::new(settings.hash_concurrency)),
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            min_length: settings.password_min_length,
            dummy_hash: format!(
                "$argon2id$v=19$m={memory},t={iterations},p={lanes}$bm9ib2R5IGhhcyB0aGlzIQ${}",
                "A".repeat(43)
            ),
        })))
    }

    /// The hash to store, in PHC string format with a salt of its own; or why the password may not be set.
    /// `own` is what an attacker knows of the user: email, username, name.
    ///
    /// # Errors
    /// When the machine cannot hash.
    pub async fn hash(
        &self,
        password: SecretString,
        own: Vec<String>,
    ) -> Result<std::result::Result<String, Weakness>> {
        let inner = Arc::clone(&self.0);
        self.off_thread(move || match weakness(password.expose_secret(), &own, inner.min_length) {
            Some(weakness) => Ok(Err(weakness)),
            None => inner.hash_now(&password).map(Ok),
        })
        .await?
    }

    /// The hash of a password that the operator has chosen, whatever it is.
    ///
    /// # Errors
    /// When the machine cannot hash.
    pub async fn hash_unchecked(&self, password: SecretString) -> Result<String> {
        let inner = Arc::clone(&self.0);
        self.off_thread(move || inner.hash_now(&password)).await?
    }

    /// Whether the password is the one that was hashed. Without a hash (there is no such user) the
    /// answer is no, after the same work.
    ///
    /// # Errors
    /// When the machine cannot hash.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<Verdict> {
        let inner = Arc::clone(&self.0);
        self.off_thread(move || {
            let verdict = inner.verify_now(&password, hash.as_deref().unwrap_or(&inner.dummy_hash));
            if hash.is_some() { verdict } else { Verdict::Wrong }
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.0.permits).acquire_owned().await.map_err(HashError::new)?;
        let work = move || {
            // Held by the work itself: a request that gives up does not make room for another hash.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(HashError::new)
    }
}

impl Inner {
    fn hash_now(&self, password: &SecretString) -> Result<String> {
        let hash = self.argon2.hash_password(normalized(password).expose_secret().as_bytes());
        hash.map(|hash| hash.to_string()).map_err(HashError::new)
    }

    fn verify_now(&self, password: &SecretString, hash: &str) -> Verdict {
        if hash.starts_with("$2") {
            // Brought from elsewhere, where nobody normalised anything.
            let is_right = bcrypt::verify(password.expose_secret(), hash).unwrap_or(false);
            return if is_right { Verdict::NeedsRehash } else { Verdict::Wrong };
        }
        let Ok(hash) = PasswordHash::new(hash) else { return Verdict::Wrong };
        // Costs and algorithm are those that the hash names.
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

/// One form for texts that look alike (NFKC, as NIST SP 800-63B advises): keyboards differ in what they send for `é`.
fn normalized(password: &SecretString) -> SecretString {
    password.expose_secret().nfkc().collect::<String>().into()
}

/// So long must a word of the user's be to be looked for in his password.
const OWN_WORD: usize = 4;

/// Characters of a password by which it is judged.
const JUDGED: usize = 32;

fn weakness(password: &str, own: &[String], min_length: usize) -> Option<Weakness> {
    if password.chars().count() < min_length {
        return Some(Weakness::TooShort(min_length));
    }
    let lower = password.to_lowercase();
    let words = own.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()).chain([text.as_str()]));
    let words: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    if words.iter().any(|word| word.chars().count() >= OWN_WORD && lower.contains(word)) {
        return Some(Weakness::Personal);
    }
    let known: Vec<&str> = words.iter().map(String::as_str).collect();
    // What so many characters do not show, the rest does not either; and the estimate takes ever longer with more.
    let start: String = password.chars().take(JUDGED).collect();
    (zxcvbn(&start, &known).score() < Score::Two).then_some(Weakness::Common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::config::{Sources, load};

    #[test]
    fn dummy_hash_costs_as_much_as_a_real_one() {
        let passwords = Passwords::new(&load(&Sources::default()).unwrap().auth).unwrap();
        let parts = |hash: &str| hash.split('$').map(str::to_owned).collect::<Vec<_>>();
        let real = parts(&passwords.0.hash_now(&SecretString::from("password")).unwrap());
        let nobodys = parts(&passwords.0.dummy_hash);
        assert_eq!(real[..4], nobodys[..4], "algorithm, version, costs");
        assert_eq!((real[4].len(), real[5].len()), (nobodys[4].len(), nobodys[5].len()), "salt, result");
        assert!(PasswordHash::new(&passwords.0.dummy_hash).is_ok(), "it is read, and so compared with");
    }
}
