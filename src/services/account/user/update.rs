//! Changes to a user by a superuser.

use sea_orm::ActiveValue::{NotSet, Unchanged};
use sea_orm::{DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use super::changes::{check_superuser, lock, record_changes, save, set};
use super::password::hash_for;
use super::{Actor, NOT_FOUND, User, keep_a_superuser, stored};
use crate::core::database::begin_write;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::Result;
use crate::jobs::kinds::email_change_notice::EmailChangeNotice;
use crate::schemas::user::{UserRead, UserUpdate};
use crate::services::account::reauthentication::{Reauthentication, SessionUser};
use crate::services::account::verification::notify_old_address;
use crate::services::account::{AccountContext, email_token, session};

/// Changes the user as a superuser. A new email address counts as verified.
///
/// # Errors
/// 404 if the user does not exist; 409 when email or username are taken, or for the last superuser; 422 for a weak
/// password; 401 or 403 if the caller has lost their account or role since the request came in; 403 without a recent
/// login for the email address or password of a superuser, and for a new superuser.
pub async fn update(
    accounts: &AccountContext,
    caller: SessionUser<'_>,
    id: Uuid,
    data: UserUpdate,
) -> Result<UserRead> {
    let hashed_password = hash_new_password(accounts, id, &data).await?;
    let UserUpdate { email, password: _, username, full_name, age, address, is_active, is_superuser } = data;
    let actor = Actor { id: caller.user.id, client: caller.client };
    let transaction = begin_write(&accounts.db).await?;
    if is_active == Some(false) || is_superuser == Some(false) {
        keep_a_superuser(&transaction, id).await?;
    }
    let old = lock(&transaction, id).await?.ok_or(NOT_FOUND)?;
    check_superuser(&transaction, actor.id).await?;
    let email = email.map(|email| email.as_str().to_owned()).filter(|email| *email != old.email);
    let changes_login = email.is_some() || hashed_password.is_some();
    let was_superuser = old.is_superuser && old.is_active;
    let will_be_superuser = is_superuser.unwrap_or(old.is_superuser) && is_active.unwrap_or(old.is_active);
    if (old.is_superuser && changes_login) || (will_be_superuser && !was_superuser) {
        Reauthentication::by_session(caller.session).confirm(accounts, &transaction).await?;
    }
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

async fn hash_new_password(accounts: &AccountContext, id: Uuid, data: &UserUpdate) -> Result<Option<String>> {
    let Some(password) = &data.password else { return Ok(None) };
    let mut user = Entity::find_by_id(id).one(&accounts.db).await?.ok_or(NOT_FOUND)?;
    // The password must not contain the new names either.
    if let Some(email) = &data.email {
        email.as_str().clone_into(&mut user.email);
    }
    if let Some(username) = &data.username {
        username.as_str().clone_into(&mut user.username);
    }
    if let Some(full_name) = &data.full_name {
        user.full_name.clone_from(full_name);
    }
    hash_for(accounts, &user, "password", password.clone()).await.map(Some)
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
