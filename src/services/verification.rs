//! Showing that mail to an address arrives.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, QuerySelect};

use super::accounts::Accounts;
use super::audit_event::{self, Event};
use super::mailed;
use super::user::{self, User};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::entities::user::{ActiveModel, Entity};
use crate::entities::user_token::Purpose;
use crate::error::{Result, on_unique};
use crate::mail::Mail;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::login::EmailVerification;
use crate::schemas::text::Email;

/// A link to this address that makes it the user's verified one. Written inside the caller's transaction; to be sent
/// once that is committed.
pub(super) async fn link(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    user: &User,
    email: &str,
) -> Result<Mail> {
    let seconds = accounts.settings().verification_token_seconds;
    let expires_at = mailed::after(accounts.now(), seconds);
    let token = mailed::issue(transaction, user.id, Purpose::VerifyEmail, email, expires_at).await?;
    let link = accounts.mailer.link("verify-email", &token);
    let text = format!(
        "You have signed up with us, or want this address for your account. Please confirm it within {} hours \
         here:\n\n{link}\n\n\
         If you have not, do not follow the link: it would confirm an account that somebody else has made.\n",
        seconds / 3600
    );
    Ok(Mail { to: email.to_owned(), subject: "Confirm your email address", text })
}

/// What the old address is told of a new one.
pub(super) fn notice(old: String, is_done: bool) -> Mail {
    let text = if is_done {
        "The email address of your account was changed: this one is not used any more."
    } else {
        "A new email address for your account was asked for. It counts once its link was followed."
    };
    let text = format!("{text}\n\nIf it was not you, set a new password and end your sessions now.\n");
    Mail { to: old, subject: "Your email address", text }
}

/// Mails the link again, if there is an active user with this address who needs one. Says and takes the same
/// if there is none.
///
/// # Errors
/// When the database cannot be reached.
pub async fn request(accounts: &Accounts, email: &Email) -> Result<()> {
    let user = user::find_by_login(&accounts.db, email.as_str()).await?;
    let accounts = accounts.clone();
    tokio::spawn(async move {
        if let Some(user) = user.filter(|user| user.is_active && !user.email_verified)
            && let Err(error) = mail_link(&accounts, &user).await
        {
            tracing::error!(%error, cause = error.cause(), "an address could not be verified");
        }
    });
    Ok(())
}

async fn mail_link(accounts: &Accounts, user: &User) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    // The user first, as everywhere.
    let user = Entity::find_by_id(user.id).lock_exclusive().one(&transaction).await?;
    let Some(user) = user.filter(|user| user.is_active && !user.email_verified) else { return Ok(()) };
    let mail = link(accounts, &transaction, &user, &user.email).await?;
    transaction.commit().await?;
    accounts.mailer.send(mail);
    Ok(())
}

/// Makes the address that a link was mailed to the user's verified one.
///
/// # Errors
/// 400 for a link that is not good, 409 when somebody else has the address by now.
pub async fn verify(accounts: &Accounts, client: &Client, data: EmailVerification) -> Result<()> {
    let now = accounts.now();
    let found = mailed::find(&accounts.db, &data.token, Purpose::VerifyEmail, now).await?.ok_or(mailed::INVALID)?;
    let transaction = begin_write(&accounts.db).await?;
    // The user first, as everywhere.
    let user = Entity::find_by_id(found.user_id).lock_exclusive().one(&transaction).await?.ok_or(mailed::INVALID)?;
    let link = mailed::take(&transaction, &data.token, Purpose::VerifyEmail, now).await?;
    if !user.is_active {
        return Err(mailed::INVALID);
    }
    let is_new = user.email != link.email;
    let change =
        ActiveModel { id: Unchanged(user.id), email: Set(link.email), email_verified: Set(true), ..Default::default() };
    change.update(&transaction).await.map_err(|error| on_unique(error, &[user::EMAIL_TAKEN]))?;
    if is_new {
        mailed::revoke(&transaction, user.id).await?;
    }
    let kind = if is_new { AuditKind::EmailChanged } else { AuditKind::EmailVerified };
    let event = Event { kind, user: Some(user.id), actor: None, client, detail: None };
    audit_event::record(&transaction, now, event).await?;
    transaction.commit().await?;
    accounts.callers.forget(user.id);
    if is_new {
        accounts.mailer.send(notice(user.email, true));
    }
    Ok(())
}
