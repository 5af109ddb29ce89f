//! Deletes expired rows.

use super::{Context, Failure};
use crate::jobs::queue;
use crate::services::account::{api_key, email_token, session, ticket};
use crate::services::idempotency;

/// Deletes expired sessions, tickets, email tokens, API keys and idempotency keys, and finished jobs.
pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let (db, now) = (&context.accounts.db, context.accounts.now());
    let count = session::delete_expired(db, now).await?
        + ticket::delete_expired(db, now).await?
        + email_token::delete_expired(db, now).await?
        + api_key::delete_expired(db, now).await?
        + idempotency::delete_expired(db, now).await?
        + queue::delete_expired(db, now).await?;
    tracing::info!(count, "expired rows deleted");
    Ok(())
}
