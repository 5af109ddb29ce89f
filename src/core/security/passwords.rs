//! Password hashes: argon2id, off the async threads, a few at a time.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Hashes and verifies passwords. Clones share the limit of how many are hashed at once.
#[derive(Clone)]
pub struct Passwords(Arc<Semaphore>);

/// What an unknown user's password is compared with, so that the answer takes as long as for a known one.
static NOBODYS_HASH: LazyLock<Option<String>> = LazyLock::new(|| hash_now(&SecretString::from("nobody")).ok());

impl Passwords {
    /// At most `concurrency` hashes at the same time; each takes 19 MiB of memory and one core.
    #[must_use]
    pub fn new(concurrency: usize) -> Self {
        // Made now, so that the first login of a stranger does not pay for it.
        std::thread::spawn(|| LazyLock::force(&NOBODYS_HASH));
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
            let matches = hash.as_ref().or(NOBODYS_HASH.as_ref()).is_some_and(|hash| verify_now(&password, hash));
            known && matches
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
