//! A new password for who has forgotten the old one.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, EntityTrait, QuerySelect};

use super::AccountContext;
use super::audit_event::{self, Event};
use super::{api_key, email_token, session, user};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::entities::email_token::Purpose;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::Result;
use crate::jobs::kinds::link_mail::LinkTemplate;
use crate::jobs::kinds::{AddressedTo, Job};
use crate::jobs::queue;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::login::PasswordReset;

/// Mails a link to the user with this address, if there is an active one. Whether there is, the job finds out: the
/// request does the same for every address.
///
/// # Errors
/// When the database cannot be reached.
pub async fn request(accounts: &AccountContext, data: AddressedTo) -> Result<()> {
    queue::enqueue_now(accounts, &Job::PasswordRecovery(data)).await
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
    let Some(user) = user.filter(|user| user.is_active) else { return Ok(()) };
    email_token::mail_link(accounts, &transaction, user.id, &user.email, LinkTemplate::PasswordRecovery).await?;
    let kind = AuditKind::PasswordResetRequested;
    let event = Event { kind, user: Some(user.id), actor: None, client: &data.client, detail: None };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.job_signal.notify();
    Ok(())
}

/// Sets a new password on the strength of a mailed link, and ends every session, key and link: whoever had the account
/// before, who may have made it with an address that was not his, is out.
///
/// # Errors
/// 400 for a link that is not good, 422 for a password that is too easy to guess, which leaves the link good.
pub async fn reset(accounts: &AccountContext, client: &Client, data: PasswordReset) -> Result<()> {
    let PasswordReset { token, new_password } = data;
    let now = accounts.now();
    // Before anything dear is done for whoever asks.
    let link =
        email_token::find(&accounts.db, &token, Purpose::ResetPassword, now).await?.ok_or(email_token::INVALID)?;
    let user = Entity::find_by_id(link.user_id).one(&accounts.db).await?.ok_or(email_token::INVALID)?;
    let hash = user::hash_for(accounts, &user, "new_password", new_password).await?;

    let transaction = begin_write(&accounts.db).await?;
    // The user first, as everywhere: two who want both wait for one another in one order.
    let user =
        Entity::find_by_id(link.user_id).lock_exclusive().one(&transaction).await?.ok_or(email_token::INVALID)?;
    let link = email_token::take(&transaction, &token, Purpose::ResetPassword, now).await?;
    if !user.is_active || user.email != link.email {
        return Err(email_token::INVALID);
    }
    let change = ActiveModel {
        id: Unchanged(user.id),
        hashed_password: Set(hash),
        // The link arrived there.
        email_verified: Set(true),
        ..Default::default()
    };
    change.update(&transaction).await?;
    email_token::revoke(&transaction, user.id).await?;
    session::end_others(&transaction, user.id, None).await?;
    api_key::revoke_all(accounts, &transaction, client, user.id).await?;
    let event = Event { kind: AuditKind::PasswordReset, user: Some(user.id), actor: None, client, detail: None };
    audit_event::record(&transaction, now, event).await?;
    transaction.commit().await?;
    accounts.principals.forget(user.id);
    Ok(())
}
