//! Notifications: mails that users have sent.

use uuid::Uuid;

use super::account::AccountContext;
use super::idempotency::once;
use crate::error::Result;
use crate::jobs::kinds::Job;
use crate::jobs::kinds::notification::Notification;
use crate::jobs::queue;
use crate::schemas::notification::NotificationCreate;
use crate::services::idempotency::IdempotencyKey;

/// Has the mail sent after the answer. Once this returns it is not lost any more.
///
/// # Errors
/// When the database cannot be reached; 422 for another request under the same key.
pub async fn create(
    accounts: &AccountContext,
    user: Uuid,
    key: Option<IdempotencyKey>,
    data: NotificationCreate,
) -> Result<()> {
    let NotificationCreate { email, message } = data;
    let job = Job::Notification(Notification { to: email, message });
    let now = accounts.now();
    once(&accounts.db, user, key, now, async |transaction| queue::enqueue(transaction, &job, now).await).await?;
    accounts.job_signal.notify();
    Ok(())
}
