//! Work outside the request that survives a crash. A service adds a [`Job`](kinds::Job) in its transaction
//! ([`queue::enqueue`]); a [`worker`] runs it, at least once.

pub mod kinds;
pub mod lease;
mod listen;
pub mod queue;
pub mod schedule;
pub mod signal;
pub mod worker;

use std::sync::Arc;
use std::time::Duration;

use crate::core::config::JobSettings;
use crate::error::Error;
use crate::mail::{MailError, Mailer};
use crate::services::account::AccountContext;

/// What jobs need. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The database, the time, and what services of accounts need.
    pub accounts: Arc<AccountContext>,
    /// Sends mails.
    pub mailer: Mailer,
    /// How jobs are run.
    pub settings: JobSettings,
    /// `server.shutdown_grace_seconds`.
    pub shutdown_grace: Duration,
}

/// Why an attempt failed.
#[derive(Debug)]
pub struct Failure {
    /// For the log and the operator.
    pub error: String,
    /// Whether another attempt would fail, too.
    pub is_permanent: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error: error.cause().map_or_else(|| error.to_string(), str::to_owned), is_permanent: false }
    }
}

impl From<MailError> for Failure {
    fn from(error: MailError) -> Self {
        Self { error: error.to_string(), is_permanent: error.is_permanent }
    }
}
