//! Changes to a user by a superuser.

use sea_orm::ActiveValue::{NotSet, Unchanged};
use sea_orm::{DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use super::changes::{lock, record_changes, save, set};
use super::password::hash_for;
use super::{Actor, NOT_FOUND, User, keep_a_superuser, stored};
use crate::core::database::begin_write;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::{Error, Result};
use crate::jobs::kinds::email_change_notice::EmailChangeNotice;
use crate::schemas::password::NewPassword;
use crate::schemas::user::{UserRead, UserUpdate};
use crate::services::account::verification::notify_old_address;
use crate::services::account::{AccountContext, email_token, session};

/// Changes the user as a superuser. A new email address counts as verified.
///
/// # Errors
/// 404 if the user does not exist; 409 when email or username are taken, or for the last superuser; 422 for a weak
/// password; 401 or 403 if the actor has lost their account or role since the request came in.
pub async fn update(accounts: &AccountContext, actor: Actor<'_>, id: Uuid, data: UserUpdate) -> Result<UserRead> {
    let UserUpdate { email, password, username, full_name, age, address, is_active, is_superuser } = data;
    let hashed_password = hash_new_password(accounts, id, password).await?;
    let transaction = begin_write(&accounts.db).await?;
    if is_active == Some(false) || is_superuser == Some(false) {
        keep_a_superuser(&transaction, id).await?;
    }
    let old = lock(&transaction, id).await?.ok_or(NOT_FOUND)?;
    check_superuser(&transaction, actor.id).await?;
    let email = email.map(|email| email.as_str().to_owned()).filter(|email| *email != old.email);
    let change = ActiveModel {
        id: Unchanged(id),
        email_verified: set(email.is_some().then_some(true)), // only with jobs
        email: set(email),
        username: set(username.map(|username| username.as_str().to_owned())),
        hashed_password: set(hashed_password),
        full_name: set(full_name),
        age: set(age),
        address: set(address.map(|address| address.map(stored))),
        is_active: set(is_active),
        is_superuser: set(is_superuser),
        created_at: NotSet,
    };
    let new = save(&transaction, &old, change).await?;
    record_changes(accounts, &transaction, actor, &old, &new).await?;
    revoke_access(&transaction, &old, &new).await?;
    // only with jobs
    if new.email != old.email {
        let notice = EmailChangeNotice { to: old.email, is_done: true };
        notify_old_address(accounts, &transaction, notice).await?;
    }
    transaction.commit().await?;
    accounts.principals.invalidate(id);
    accounts.job_signal.notify(); // only with jobs
    Ok(new.into())
}

async fn hash_new_password(
    accounts: &AccountContext,
    id: Uuid,
    password: Option<NewPassword>,
) -> Result<Option<String>> {
    let Some(password) = password else { return Ok(None) };
    let user = Entity::find_by_id(id).one(&accounts.db).await?.ok_or(NOT_FOUND)?;
    hash_for(accounts, &user, "password", password).await.map(Some)
}

/// Checks the actor again, inside the transaction: hashing takes time, and another process may have taken the role
/// away.
async fn check_superuser(transaction: &DatabaseTransaction, actor: Uuid) -> Result<()> {
    match Entity::find_by_id(actor).one(transaction).await? {
        Some(actor) if actor.is_active && actor.is_superuser => Ok(()),
        Some(actor) if actor.is_active => Err(Error::Forbidden),
        _ => Err(Error::Unauthorized),
    }
}

/// Ends the links, sessions or both that the change makes invalid.
async fn revoke_access(transaction: &DatabaseTransaction, old: &User, new: &User) -> Result<()> {
    let has_new_password = new.hashed_password != old.hashed_password;
    // only with jobs
    if has_new_password || new.email != old.email || !new.is_active {
        email_token::revoke(transaction, new.id).await?;
    }
    if has_new_password || !new.is_active {
        session::end_others(transaction, new.id, None).await?;
    }
    Ok(())
}
