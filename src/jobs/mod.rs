//! Work outside the request that survives a crash. A service adds a [`Job`](kinds::Job) in its transaction
//! ([`queue::enqueue`]). A [`worker`] claims it ([`lease`]), runs it at least once (`execute`), and
//! meanwhile sends heartbeats and follows the [`schedule`] (`maintenance`).

mod execute;
pub mod kinds;
pub mod lease;
mod listen;
mod maintenance;
pub mod queue;
pub mod retry;
mod running;
pub mod schedule;
pub mod signal;
pub mod worker;

use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::timeout;

pub use retry::Retry;

use crate::core::config::JobSettings;
use crate::error::Error;
use crate::mail::{MailError, MailErrorKind, Mailer};
use crate::services::account::AccountContext;

/// The dependencies of jobs. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The database, the clock, and the dependencies of the account services.
    pub accounts: Arc<AccountContext>,
    /// Sends mails.
    pub mailer: Mailer,
    /// The settings of the worker.
    pub settings: JobSettings,
    /// `server.shutdown_grace_seconds`.
    pub shutdown_grace: Duration,
}

/// How long the database may take for one step of the worker. A frozen database never responds.
const DATABASE_TIMEOUT: Duration = Duration::from_secs(6);

/// Fails when the database does not respond in time.
async fn within_timeout<T, E: From<DbErr>>(query: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let timed_out = |_| DbErr::Custom("the database does not respond".to_owned());
    timeout(DATABASE_TIMEOUT, query).await.map_err(timed_out)?
}

/// Why an attempt failed.
#[derive(Debug)]
pub struct Failure {
    /// For the log and the operator.
    pub error: String,
    /// Whether the job runs again.
    pub retry: Retry,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error: error.cause().map_or_else(|| error.to_string(), str::to_owned), retry: Retry::WithBackoff }
    }
}

impl From<MailError> for Failure {
    fn from(error: MailError) -> Self {
        let retry = match error.kind {
            MailErrorKind::Refused => Retry::Never,
            MailErrorKind::Failed => Retry::WithBackoff,
            MailErrorKind::ServerUnavailable => Retry::Outage,
        };
        Self { error: error.to_string(), retry }
    }
}
