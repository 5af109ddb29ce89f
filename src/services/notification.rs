//! Notifications: mails that users send.

use super::account::AccountContext;
use super::account::user::User;
use super::idempotency::{self, IdempotencyKey, once};
use crate::error::{Error, Result};
use crate::jobs::kinds::Job;
use crate::jobs::kinds::notification::Notification;
use crate::jobs::queue;
use crate::schemas::notification::NotificationCreate;

/// Whether the notification was created before, so that nothing is sent again.
///
/// # Errors
/// When the database cannot be reached.
pub async fn is_repeated(accounts: &AccountContext, sender: &User, key: Option<&IdempotencyKey>) -> Result<bool> {
    idempotency::is_repeated(&accounts.db, sender.id, key, accounts.now()).await
}

/// Queues the mail. After this returns, the mail is not lost.
///
/// # Errors
/// 403 if a user who is not a superuser writes to another address than their own; 422 for a different request with the
/// same key.
pub async fn create(
    accounts: &AccountContext,
    sender: &User,
    key: Option<IdempotencyKey>,
    data: NotificationCreate,
) -> Result<()> {
    let NotificationCreate { email, message } = data;
    if !sender.is_superuser && !sender.email.eq_ignore_ascii_case(email.as_str()) {
        return Err(Error::Forbidden);
    }
    let job = Job::Notification(Notification { to: email, message });
    let now = accounts.now();
    once(&accounts.db, sender.id, key, now, async |transaction| queue::enqueue(transaction, &job, now).await).await?;
    accounts.job_signal.notify();
    Ok(())
}
