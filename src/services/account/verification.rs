//! Verification of email addresses by mailed links.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{DatabaseTransaction, EntityTrait, QuerySelect};

use super::AccountContext;
use super::audit_event::{self, Event};
use super::email_token::LinkRequest;
use super::{email_token, user};
use crate::core::client::Client;
use crate::core::database::{begin_write, update};
use crate::entities::email_token::Purpose;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::{Result, on_unique};
use crate::jobs::kinds::Job;
use crate::jobs::kinds::email_change_notice::EmailChangeNotice;
use crate::jobs::kinds::email_token::Link;
use crate::jobs::queue;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::recovery::EmailVerification;
use crate::schemas::text::Email;

/// Tells the old email address about a new one, in the caller's transaction. The caller wakes the workers after
/// the commit.
pub(super) async fn notify_old_address(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    notice: EmailChangeNotice,
) -> Result<()> {
    queue::enqueue(transaction, &Job::EmailChangeNotice(notice), accounts.now()).await?;
    Ok(())
}

/// Mails another link if an active user has this address and it is not verified yet. The request does the same work for
/// every address.
///
/// # Errors
/// When the database cannot be reached.
pub async fn request(accounts: &AccountContext, client: &Client, email: &Email) -> Result<()> {
    let request = LinkRequest { email: email.as_str(), link: Link::EmailVerification, client };
    email_token::request_for_address(accounts, request).await
}

/// Verifies the address that the link was mailed to, and sets it as the user's address.
///
/// # Errors
/// 400 for an invalid token; 409 if another user has the address by now.
pub async fn verify(accounts: &AccountContext, client: &Client, data: EmailVerification) -> Result<()> {
    let now = accounts.now();
    let link = email_token::find(&accounts.db, &data.token, Purpose::VerifyEmail, now).await?;
    let transaction = begin_write(&accounts.db).await?;
    // Locks the user first, as every transaction does.
    let user = Entity::find_by_id(link.user).lock_exclusive().one(&transaction).await?.ok_or(email_token::INVALID)?;
    email_token::consume(&transaction, &link).await?;
    if !user.is_active {
        return Err(email_token::INVALID);
    }
    let is_new = user.email != link.email;
    let change =
        ActiveModel { id: Unchanged(user.id), email: Set(link.email), email_verified: Set(true), ..Default::default() };
    update(&transaction, change).await.map_err(|error| on_unique(error, &[user::EMAIL_TAKEN]))?;
    let kind = if is_new { AuditKind::EmailChanged } else { AuditKind::EmailVerified };
    let event = Event { kind, user: Some(user.id), actor: None, client, detail: None };
    audit_event::record(&transaction, now, event).await?;
    if is_new {
        email_token::revoke(&transaction, user.id).await?;
        let notice = EmailChangeNotice { to: user.email, is_done: true };
        notify_old_address(accounts, &transaction, notice).await?;
    }
    transaction.commit().await?;
    accounts.principals.invalidate(user.id);
    accounts.job_signal.notify();
    Ok(())
}
