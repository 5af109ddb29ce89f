//! Ends connections whose time is over: that of the token they were opened with, or of its session.

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::accounts::Accounts;
use super::session;
use crate::error::{Error, Result};
use crate::realtime::{End, Hub};

/// How often the database is asked which sessions have ended, on whichever process.
const EVERY: Duration = Duration::from_secs(2);
/// What this process changes is looked at without waiting for that, but not more often than so.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// How long the database may take: one that is frozen says nothing for ever.
const PATIENCE: Duration = Duration::from_secs(2);
/// Sessions in one query.
const AT_ONCE: usize = 500;

/// Watches over the connections of this process as long as it runs.
pub async fn watch(accounts: &Accounts, hub: &Hub) {
    let mut is_blind = false;
    loop {
        tokio::select! {
            () = sleep(EVERY) => {}
            () = accounts.callers.forgotten() => {}
        }
        // What a token says needs no database.
        let now = accounts.now();
        hub.end(End::SessionOver, |visitor| visitor.until <= now);
        let silent = |_| Err(Error::Unavailable("the database does not answer".into()));
        let looked = timeout(PATIENCE, look(accounts, hub)).await.unwrap_or_else(silent);
        if let (Err(error), false) = (&looked, is_blind) {
            tracing::warn!(%error, cause = error.cause(), "connections stay open whose sessions may have ended");
        }
        is_blind = looked.is_err();
        sleep(AT_MOST_EVERY).await;
    }
}

async fn look(accounts: &Accounts, hub: &Hub) -> Result<()> {
    for some in hub.sessions().chunks(AT_ONCE) {
        let open = session::open_among(accounts, some).await?;
        let over: HashSet<&Uuid> = some.iter().filter(|id| !open.contains(id)).collect();
        if !over.is_empty() {
            hub.end(End::SessionOver, |visitor| over.contains(&visitor.session));
        }
    }
    Ok(())
}
