//! Showing that mail to an address arrives.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, QuerySelect};

use super::AccountContext;
use super::audit_event::{self, Event};
use super::{email_token, user};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::entities::email_token::Purpose;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::{Result, on_unique};
use crate::jobs::kinds::link_mail::LinkTemplate;
use crate::jobs::kinds::notice::Notice;
use crate::jobs::kinds::{AddressedTo, Job};
use crate::jobs::queue;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::login::EmailVerification;

/// Tells the old address that there is a new one. Written inside the caller's transaction, who wakes the workers once
/// that is committed.
pub(super) async fn notify(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    old: String,
    is_done: bool,
) -> Result<()> {
    queue::enqueue(transaction, &Job::Notice(Notice { to: old, is_done }), accounts.now()).await?;
    Ok(())
}

/// Mails the link again, if there is an active user with this address who needs one. Whether there is, the job finds
/// out: the request does the same for every address.
///
/// # Errors
/// When the database cannot be reached.
pub async fn request(accounts: &AccountContext, data: AddressedTo) -> Result<()> {
    queue::enqueue_now(accounts, &Job::EmailVerification(data)).await
}

/// What is done for [`request`] after the answer.
///
/// # Errors
/// When the database cannot be reached.
pub async fn mail_link(accounts: &AccountContext, data: &AddressedTo) -> Result<()> {
    let Some(found) = user::find_by_login(&accounts.db, data.email.as_str()).await? else { return Ok(()) };
    let transaction = begin_write(&accounts.db).await?;
    // The user first, as everywhere.
    let user = Entity::find_by_id(found.id).lock_exclusive().one(&transaction).await?;
    let Some(user) = user.filter(|user| user.is_active && !user.email_verified) else { return Ok(()) };
    email_token::mail_link(accounts, &transaction, user.id, &user.email, LinkTemplate::EmailVerification).await?;
    transaction.commit().await?;
    accounts.job_signal.notify();
    Ok(())
}

/// Makes the address that a link was mailed to the user's verified one.
///
/// # Errors
/// 400 for a link that is not good, 409 when somebody else has the address by now.
pub async fn verify(accounts: &AccountContext, client: &Client, data: EmailVerification) -> Result<()> {
    let now = accounts.now();
    let found =
        email_token::find(&accounts.db, &data.token, Purpose::VerifyEmail, now).await?.ok_or(email_token::INVALID)?;
    let transaction = begin_write(&accounts.db).await?;
    // The user first, as everywhere.
    let user =
        Entity::find_by_id(found.user_id).lock_exclusive().one(&transaction).await?.ok_or(email_token::INVALID)?;
    let link = email_token::take(&transaction, &data.token, Purpose::VerifyEmail, now).await?;
    if !user.is_active {
        return Err(email_token::INVALID);
    }
    let is_new = user.email != link.email;
    let change =
        ActiveModel { id: Unchanged(user.id), email: Set(link.email), email_verified: Set(true), ..Default::default() };
    change.update(&transaction).await.map_err(|error| on_unique(error, &[user::EMAIL_TAKEN]))?;
    if is_new {
        email_token::revoke(&transaction, user.id).await?;
    }
    let kind = if is_new { AuditKind::EmailChanged } else { AuditKind::EmailVerified };
    let event = Event { kind, user: Some(user.id), actor: None, client, detail: None };
    audit_event::record(&transaction, now, event).await?;
    if is_new {
        notify(accounts, &transaction, user.email, true).await?;
    }
    transaction.commit().await?;
    accounts.principals.forget(user.id);
    accounts.job_signal.notify();
    Ok(())
}
