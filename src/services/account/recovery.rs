//! Password recovery: a new password without the current one.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{EntityTrait, QuerySelect};

use super::AccountContext;
use super::audit_event::{self, Event};
use super::email_token::{IssuedLink, LinkRequest};
use super::reauthentication::{Reauthentication, SessionUser};
use super::{api_key, email_token, session, user};
use crate::core::client::Client;
use crate::core::database::{begin_write, update};
use crate::entities::email_token::Purpose;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::{Error, Result};
use crate::jobs::kinds::email_token::Link;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::recovery::PasswordReset;
use crate::schemas::text::Email;

// only with fastapi_dashboard
const NO_USER: Error = Error::NotFound("The user with this username does not exist in the system.");

/// Mails a link to the active user with this address, if there is one. The request does the same work for every
/// address.
///
/// # Errors
/// When the database cannot be reached.
pub async fn request(accounts: &AccountContext, client: &Client, email: &Email) -> Result<()> {
    let request = LinkRequest { email: email.as_str(), link: Link::PasswordRecovery, client };
    email_token::request_for_address(accounts, request).await
}

// only with fastapi_dashboard
/// Makes a link for the active user with this address, for a superuser who hands it over. No mail is sent.
///
/// # Errors
/// 404 if there is no such user; 403 without a recent login for the account of a superuser.
pub async fn issue_link(accounts: &AccountContext, caller: SessionUser<'_>, email: &Email) -> Result<IssuedLink> {
    let transaction = begin_write(&accounts.db).await?;
    let found = user::find_by_login(&transaction, email.as_str()).await?.ok_or(NO_USER)?;
    let user = Entity::find_by_id(found.id).lock_exclusive().one(&transaction).await?;
    let user = user.filter(|user| user.is_active).ok_or(NO_USER)?;
    if user.is_superuser {
        Reauthentication::by_session(caller.session).confirm(accounts, &transaction).await?;
    }
    let issued = email_token::issue_now(accounts, &transaction, &user, Link::PasswordRecovery).await?;
    let (kind, client) = (AuditKind::PasswordResetRequested, caller.client);
    let event = Event { kind, user: Some(user.id), actor: Some(caller.user.id), client, detail: None };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    Ok(issued)
}

/// Sets a new password with the token of a mailed link, and ends every session, API key and link of the user: someone
/// else may have signed up with this address, or have stolen a password.
///
/// # Errors
/// 400 for an invalid token; 422 for a weak password, which leaves the token valid.
pub async fn reset(accounts: &AccountContext, client: &Client, data: PasswordReset) -> Result<()> {
    let PasswordReset { token, new_password } = data;
    let now = accounts.now();
    // Checked before the password is hashed, which is expensive.
    let link = email_token::find(&accounts.db, &token, Purpose::ResetPassword, now).await?;
    let user = Entity::find_by_id(link.user).one(&accounts.db).await?.ok_or(email_token::INVALID)?;
    let hash = user::hash_for(accounts, &user, "new_password", new_password).await?;

    let transaction = begin_write(&accounts.db).await?;
    // Locks the user first, as every transaction does.
    let user = Entity::find_by_id(link.user).lock_exclusive().one(&transaction).await?.ok_or(email_token::INVALID)?;
    email_token::consume(&transaction, &link).await?;
    if !user.is_active || user.email != link.email {
        return Err(email_token::INVALID);
    }
    let change = ActiveModel {
        id: Unchanged(user.id),
        hashed_password: Set(hash),
        // The mail with the link has arrived.
        email_verified: Set(true),
        ..Default::default()
    };
    update(&transaction, change).await?;
    email_token::revoke(&transaction, user.id).await?;
    session::end_others(&transaction, user.id, None).await?;
    api_key::revoke_all(accounts, &transaction, client, user.id).await?; // only with api_keys
    let event = Event { kind: AuditKind::PasswordReset, user: Some(user.id), actor: None, client, detail: None };
    audit_event::record(&transaction, now, event).await?;
    transaction.commit().await?;
    accounts.principals.invalidate(user.id);
    Ok(())
}
