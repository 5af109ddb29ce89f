//! Deletes expired rows.

use super::{Context, Failure};
use crate::jobs::queue;
use crate::services::account::{api_key, audit_event, email_token, session, ticket};
use crate::services::{idempotency, tag};

/// Deletes expired sessions, tickets, email tokens, API keys, stored responses and audit events, finished jobs, and
/// tags that no item has.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let (db, now) = (&context.accounts.db, context.accounts.now());
    let count = session::delete_expired(db, now).await?
        + ticket::delete_expired(db, now).await?
        + email_token::delete_expired(db, now).await?
        + api_key::delete_expired(db, now).await?
        + audit_event::delete_expired(&context.accounts).await?
        + idempotency::delete_expired(db, now).await?
        + queue::delete_expired(db, now).await?
        + tag::delete_orphaned(db).await?;
    tracing::info!(count, "expired rows deleted");
    Ok(())
}
