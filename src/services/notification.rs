//! Notifications: mails that users have sent.

use uuid::Uuid;

use super::accounts::Accounts;
use super::idempotency::once;
use super::job;
use crate::core::idempotency::IdempotencyKey;
use crate::error::Result;
use crate::schemas::job::{Job, Notification};
use crate::schemas::notification::NotificationCreate;

/// Has the mail sent after the answer. Once this returns it is not lost any more.
///
/// # Errors
/// When the database cannot be reached; 422 for another request under the same key.
pub async fn create(
    accounts: &Accounts,
    user: Uuid,
    key: Option<IdempotencyKey>,
    data: NotificationCreate,
) -> Result<()> {
    let NotificationCreate { email, message } = data;
    let job = Job::Notification(Notification { to: email, message });
    let now = accounts.now();
    once(&accounts.db, user, key, now, async |transaction| job::enqueue(transaction, &job, now).await).await?;
    accounts.wake.wake();
    Ok(())
}
