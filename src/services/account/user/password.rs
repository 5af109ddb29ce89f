//! Hashes and changes a user's password.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::User;
use crate::core::database::begin_write;
use crate::core::security::{Weakness, is_same_password};
use crate::entities::user::{Column, Entity};
use crate::error::{Error, Result};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::password::NewPassword;
use crate::schemas::user::PasswordUpdate;
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};
use crate::services::account::reauthentication::{SessionUser, check_password};
use crate::services::account::{email_token, session};
use crate::validation::schema::Problem;

/// Hashes a new password of this user.
///
/// # Errors
/// 422 at `field` for a weak password.
pub(in crate::services) async fn hash_for(
    accounts: &AccountContext,
    user: &User,
    field: &'static str,
    password: NewPassword,
) -> Result<String> {
    let own = [Some(&user.email), Some(&user.username), user.full_name.as_ref()].into_iter().flatten().cloned();
    let hash = accounts.passwords.hash(password.into_secret(), own.collect()).await?;
    hash.map_err(|weakness| refused(field, weakness))
}

/// The validation error for a weak password.
pub(super) fn refused(field: &'static str, weakness: Weakness) -> Error {
    let loc = vec!["body".into(), field.into()];
    Error::Invalid(vec![match weakness {
        Weakness::TooShort(least) => Problem::too_short(loc, least),
        Weakness::Common => Problem::value_error(loc, "The password is too easy to guess"),
        Weakness::Personal => Problem::value_error(loc, "The password must not contain your name or email"),
    }])
}

/// Changes the caller's own password, and ends all their sessions but the current one.
///
/// # Errors
/// 400 when the current password is wrong, or the new one is the same; 422 for a weak password.
pub async fn update_password(accounts: &AccountContext, caller: SessionUser<'_>, data: PasswordUpdate) -> Result<()> {
    let PasswordUpdate { current_password, new_password } = data;
    let is_same = is_same_password(&current_password.clone().into_secret(), &new_password.clone().into_secret());
    let verified = check_password(accounts, caller, current_password).await?;
    if is_same {
        return Err(Error::BadRequest("New password cannot be the same as the current one"));
    }
    let SessionUser { user, session, client } = caller;
    let hash = hash_for(accounts, user, "new_password", new_password).await?;
    let transaction = begin_write(&accounts.db).await?;
    // Replaces only the hash that was verified: the user or the password may have been changed in the meantime.
    let changed = Entity::update_many()
        .col_expr(Column::HashedPassword, Expr::value(hash))
        .filter(Column::Id.eq(user.id))
        .filter(Column::HashedPassword.eq(verified))
        .exec(&transaction)
        .await?;
    if changed.rows_affected == 0 {
        return Err(Error::IncorrectPassword);
    }
    email_token::revoke(&transaction, user.id).await?; // only with jobs
    session::end_others(&transaction, user.id, Some(session)).await?;
    let event = Event::by_user(AuditKind::PasswordChanged, user.id, client);
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.invalidate(user.id);
    Ok(())
}
