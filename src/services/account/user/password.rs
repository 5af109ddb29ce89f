//! A user's password: what it may be, and how it is changed.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::User;
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::core::security::{Verdict, Weakness};
use crate::entities::user::{Column, Entity};
use crate::error::{Error, Result};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::password::{NewPassword, Password};
use crate::schemas::user::PasswordUpdate;
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};
use crate::services::account::{email_token, session};
use crate::validation::schema::Problem;

const INCORRECT: Error = Error::BadRequest("Incorrect password");

/// The hash of a new password of this user.
///
/// # Errors
/// 422 at `field` when it is too easy to guess.
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

pub(super) fn refused(field: &'static str, weakness: Weakness) -> Error {
    let loc = vec!["body".into(), field.into()];
    Error::Invalid(vec![match weakness {
        Weakness::TooShort(least) => Problem::too_short(loc, least),
        Weakness::Common => Problem::value_error(loc, "The password is too easy to guess"),
        Weakness::Personal => Problem::value_error(loc, "The password must not contain your name or email"),
    }])
}

/// Makes sure that it is the user's password.
///
/// # Errors
/// 400 when it is not, which the audit trail is told.
pub(super) async fn check_current(
    accounts: &AccountContext,
    client: &Client,
    user: &User,
    password: Password,
) -> Result<()> {
    let verified = Some(user.hashed_password.clone());
    if accounts.passwords.verify(password.into_secret(), verified).await? != Verdict::Wrong {
        return Ok(());
    }
    let event = Event::by_user(AuditKind::PasswordCheckFailed, user.id, client);
    audit_event::record(&accounts.db, accounts.now(), event).await?;
    Err(INCORRECT)
}

/// Changes the caller's own password, and ends all sessions but the one that asks.
///
/// # Errors
/// 400 when the current password is wrong, or the new one is the same; 422 when it is too easy to guess.
pub async fn update_password(
    accounts: &AccountContext,
    client: &Client,
    caller: &User,
    session: Uuid,
    data: PasswordUpdate,
) -> Result<()> {
    let PasswordUpdate { current_password, new_password } = data;
    let [current, new] = [current_password.clone().into_secret(), new_password.clone().into_secret()];
    let is_same = current.expose_secret() == new.expose_secret();
    check_current(accounts, client, caller, current_password).await?;
    if is_same {
        return Err(Error::BadRequest("New password cannot be the same as the current one"));
    }
    let hash = hash_for(accounts, caller, "new_password", new_password).await?;
    let transaction = begin_write(&accounts.db).await?;
    // Only in place of the hash that was verified: the user may be user_deleted by now, or the password another.
    let changed = Entity::update_many()
        .col_expr(Column::HashedPassword, Expr::value(hash))
        .filter(Column::Id.eq(caller.id))
        .filter(Column::HashedPassword.eq(&caller.hashed_password))
        .exec(&transaction)
        .await?;
    if changed.rows_affected == 0 {
        return Err(INCORRECT);
    }
    email_token::revoke(&transaction, caller.id).await?;
    session::end_others(&transaction, caller.id, Some(session)).await?;
    let event = Event::by_user(AuditKind::PasswordChanged, caller.id, client);
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.forget(caller.id);
    Ok(())
}
