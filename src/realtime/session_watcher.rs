//! Closes connections whose token or session has expired or was revoked.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{CloseReason, Hub};
use crate::error::{Error, Result};
use crate::services::account::{AccountContext, session};

/// How often the database is queried for sessions that have ended on any process.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The minimum time between two checks. A session that this process ends triggers a check at once.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// How long the database may take. A frozen database never responds.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Sessions in one query.
const BATCH: usize = 500;

/// Watches the connections of this process as long as it runs.
pub async fn watch(accounts: &AccountContext, hub: &Hub) {
    let mut has_failed = false;
    loop {
        tokio::select! {
            () = sleep(POLL_INTERVAL) => {}
            () = accounts.principals.invalidated() => {}
        }
        // The end of a token is known without the database.
        let now = accounts.now();
        hub.close(CloseReason::SessionExpired, |principal| principal.token_expires_at <= now);
        let timed_out = |_| Err(Error::Unavailable("the database does not respond".into()));
        let checked = timeout(TIMEOUT, close_ended(accounts, hub)).await.unwrap_or_else(timed_out);
        if let (Err(error), false) = (&checked, has_failed) {
            tracing::warn!(%error, cause = error.cause(), "sessions cannot be checked: connections stay open");
        }
        has_failed = checked.is_err();
        sleep(MIN_INTERVAL).await;
    }
}

async fn close_ended(accounts: &AccountContext, hub: &Hub) -> Result<()> {
    for sessions in hub.sessions().chunks(BATCH) {
        let open = session::open_among(accounts, sessions).await?;
        let ended: HashSet<&Uuid> = sessions.iter().filter(|id| !open.contains(id)).collect();
        if !ended.is_empty() {
            hub.close(CloseReason::SessionExpired, |principal| ended.contains(&principal.session));
        }
    }
    Ok(())
}
