//! Changes to the caller's own account.

use sea_orm::ActiveValue::{Set, Unchanged};

use super::changes::{lock, record_changes, save, set};
use super::{Actor, stored};
use crate::core::database::begin_write;
use crate::entities::user::ActiveModel;
use crate::error::{Error, Result};
use crate::jobs::kinds::email_change_notice::EmailChangeNotice;
use crate::jobs::kinds::email_token::Link;
use crate::schemas::user::{UserRead, UserUpdateMe};
use crate::services::account::AccountContext;
use crate::services::account::email_token::{self, LinkRequest};
use crate::services::account::reauthentication::{Reauthentication, SessionUser};
use crate::services::account::verification::notify_old_address;

/// Changes the caller's own account. With `auth.require_verified_email` a new email address takes effect once the link
/// mailed to it was followed; otherwise at once. The current address cancels a change that waits for its link.
///
/// A new email address needs a recent login or the password, because password recovery is sent to it.
///
/// # Errors
/// 401 if the user was deleted or the session ended in the meantime; 409 when email or username are taken; for a new
/// email address also 403 without a recent login; 400 for a wrong password.
pub async fn update_me(accounts: &AccountContext, caller: SessionUser<'_>, data: UserUpdateMe) -> Result<UserRead> {
    let UserUpdateMe { email, current_password, username, full_name, age, address } = data;
    // A password that is sent is checked, whether it is needed or not: the request counts as a guess.
    let has_password = current_password.is_some();
    let reauthentication = Reauthentication::check(accounts, caller, current_password).await?;
    let transaction = begin_write(&accounts.db).await?;
    let old = lock(&transaction, caller.user.id).await?.filter(|user| user.is_active).ok_or(Error::Unauthorized)?;
    // only with jobs
    if email.as_ref().is_some_and(|email| email.as_str() == old.email) {
        email_token::cancel_change(&transaction, &old).await?;
    }
    let email = email.map(|email| email.as_str().to_owned()).filter(|email| *email != old.email);
    if email.is_some() || has_password {
        reauthentication.confirm(accounts, &transaction).await?;
    }
    let mut change = ActiveModel {
        id: Unchanged(old.id),
        username: set(username.map(|username| username.as_str().to_owned())),
        full_name: set(full_name),
        age: set(age),
        address: set(address.map(|address| address.map(stored))),
        ..Default::default()
    };
    let needs_verification = accounts.settings().require_verified_email;
    if let Some(email) = &email
        && !needs_verification
    {
        (change.email, change.email_verified) = (Set(email.clone()), Set(false));
    }
    let new = save(&transaction, &old, change).await?;
    record_changes(accounts, &transaction, Actor { id: old.id, client: caller.client }, &old, &new).await?;
    // only with jobs
    if let Some(email) = email {
        if needs_verification {
            let request = LinkRequest { email: &email, link: Link::EmailVerification, client: caller.client };
            email_token::request_for_user(accounts, &transaction, old.id, request).await?;
        } else {
            email_token::revoke(&transaction, old.id).await?;
        }
        let notice = EmailChangeNotice { to: old.email, is_done: !needs_verification };
        notify_old_address(accounts, &transaction, notice).await?;
    }
    transaction.commit().await?;
    accounts.principals.invalidate(new.id);
    accounts.job_signal.notify(); // only with jobs
    Ok(new.into())
}
