//! Deletes expired rows.

use super::{Context, Failure};
use crate::jobs::queue;
use crate::services::account::{api_key, audit_event, email_token, session, ticket};
use crate::services::{idempotency, tag};

/// Deletes what has expired: sessions and other secrets, audit events, finished jobs and the like.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let (db, now) = (&context.accounts.db, context.accounts.now());
    let count = session::delete_expired(db, now).await?
        + ticket::delete_expired(db, now).await? // only with realtime
        + email_token::delete_expired(db, now).await?
        + api_key::delete_expired(db, now).await? // only with api_keys
        + audit_event::delete_expired(&context.accounts).await?
        + idempotency::delete_expired(db, now).await? // only with idempotency
        + queue::delete_expired(db, now).await?
        + tag::delete_orphaned(db).await?;
    tracing::info!(count, "expired rows deleted");
    Ok(())
}
