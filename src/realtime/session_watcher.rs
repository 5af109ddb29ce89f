//! Ends connections whose time is over: that of the token they were opened with, or of its session.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{CloseReason, Hub};
use crate::error::{Error, Result};
use crate::services::account::{AccountContext, session};

/// How often the database is asked which sessions have ended, on whichever process.
const POLL_INTERVAL: Duration = Duration::from_secs(2);
/// What this process changes is looked at without waiting for that, but not more often than so.
const MIN_INTERVAL: Duration = Duration::from_millis(200);
/// How long the database may take: one that is frozen says nothing for ever.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Sessions in one query.
const AT_ONCE: usize = 500;

/// Watches over the connections of this process as long as it runs.
pub async fn watch(accounts: &AccountContext, hub: &Hub) {
    let mut is_blind = false;
    loop {
        tokio::select! {
            () = sleep(POLL_INTERVAL) => {}
            () = accounts.principals.forgotten() => {}
        }
        // What a token says needs no database.
        let now = accounts.now();
        hub.end(CloseReason::SessionOver, |visitor| visitor.until <= now);
        let silent = |_| Err(Error::Unavailable("the database does not answer".into()));
        let looked = timeout(TIMEOUT, look(accounts, hub)).await.unwrap_or_else(silent);
        if let (Err(error), false) = (&looked, is_blind) {
            tracing::warn!(%error, cause = error.cause(), "connections stay open whose sessions may have ended");
        }
        is_blind = looked.is_err();
        sleep(MIN_INTERVAL).await;
    }
}

async fn look(accounts: &AccountContext, hub: &Hub) -> Result<()> {
    for some in hub.sessions().chunks(AT_ONCE) {
        let open = session::open_among(accounts, some).await?;
        let over: HashSet<&Uuid> = some.iter().filter(|id| !open.contains(id)).collect();
        if !over.is_empty() {
            hub.end(CloseReason::SessionOver, |visitor| over.contains(&visitor.session));
        }
    }
    Ok(())
}
