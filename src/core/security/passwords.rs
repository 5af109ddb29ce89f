//! Password hashes: argon2id, off the async threads, a few at a time.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Argon2, Params};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Hashes and verifies passwords. Clones share the limit of how many are hashed at once.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphore>);

/// What an unknown user's password is compared with, so that the answer takes as long as for a known one:
/// the cost of a hash of ours, and a result that no password has.
static NOBODYS_HASH: LazyLock<String> = LazyLock::new(|| {
    let (memory, time, lanes) = (Params::DEFAULT_M_COST, Params::DEFAULT_T_COST, Params::DEFAULT_P_COST);
    format!("$argon2id$v=19$m={memory},t={time},p={lanes}$bm9ib2R5IGhhcyB0aGlzIQ${}", "A".repeat(43))
});

impl Passwords {
    /// At most `concurrency` hashes at the same time; each takes 19 MiB of memory and one core.
    #[must_use]
    pub fn new(concurrency: usize) -> Self {
        Self(Arc::new(Semaphore::new(concurrency)))
    }

    /// The hash to store, in PHC string format with a salt of its own.
    ///
    /// # Errors
    /// Only on a mistake of ours.
    pub async fn hash(&self, password: SecretString) -> Result<String> {
        self.off_thread(move || hash_now(&password)).await?
    }

    /// Whether the password is the one that was hashed. Without a hash (there is no such user) the
    /// answer is no, after the same work.
    ///
    /// # Errors
    /// Only on a mistake of ours.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool> {
        self.off_thread(move || {
            let known = hash.is_some();
            verify_now(&password, hash.as_deref().unwrap_or(&NOBODYS_HASH)) && known
        })
        .await
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let permit = Arc::clone(&self.0).acquire_owned().await.map_err(Error::internal)?;
        let work = move || {
            // Held by the work itself: a request that gives up does not make room for another hash.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn hash_now(password: &SecretString) -> Result<String> {
    let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
    hash.map(|hash| hash.to_string()).map_err(Error::internal)
}

fn verify_now(password: &SecretString, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobodys_hash_costs_as_much_as_a_real_one() {
        let parts = |hash: &str| hash.split('$').map(str::to_owned).collect::<Vec<_>>();
        let (real, nobodys) = (parts(&hash_now(&SecretString::from("password")).unwrap()), parts(&NOBODYS_HASH));
        assert_eq!(real[..4], nobodys[..4], "algorithm, version, costs");
        assert_eq!((real[4].len(), real[5].len()), (nobodys[4].len(), nobodys[5].len()), "salt, result");
        assert!(PasswordHash::new(&NOBODYS_HASH).is_ok(), "it is read, and so compared with");
    }
}
