//! Deletes expired rows.

use crate::error::Result;
use crate::jobs::queue;
use crate::services::account::{AccountContext, api_key, audit_event, email_token, session, ticket};
use crate::services::{idempotency, tag};

/// Deletes what has expired: sessions and other secrets, audit events, finished jobs and the like.
///
/// # Errors
/// When the database cannot be reached. What is left is deleted the next time.
pub async fn run(accounts: &AccountContext) -> Result<()> {
    let (db, now) = (&accounts.db, accounts.now());
    let count = session::delete_expired(db, now).await?
        + ticket::delete_expired(db, now).await? // only with realtime
        + email_token::delete_expired(db, now).await? // only with jobs
        + api_key::delete_expired(db, now).await? // only with api_keys
        + idempotency::delete_expired(db, now).await? // only with idempotency
        + queue::delete_expired(db, now).await? // only with jobs
        + audit_event::delete_expired(accounts).await?
        + tag::delete_orphaned(db).await?;
    tracing::info!(count, "expired rows deleted");
    Ok(())
}
