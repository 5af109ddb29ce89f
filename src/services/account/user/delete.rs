//! Deletes users.

use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

use super::changes::check_superuser;
use super::{Actor, NOT_FOUND};
use crate::core::database::begin_write;
use crate::entities::user::{Column, Entity};
use crate::error::{Error, Result};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::password::Password;
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};
use crate::services::account::reauthentication::{Reauthentication, SessionUser};

/// Deletes the user, with everything they own, as a superuser.
///
/// # Errors
/// 404 if the user does not exist; 409 for the last superuser; 401 or 403 if the actor has lost their account or role
/// since the request came in.
pub async fn delete(accounts: &AccountContext, actor: Actor<'_>, id: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    keep_a_superuser(&transaction, id).await?;
    check_superuser(&transaction, actor.id).await?;
    remove(accounts, transaction, actor, id).await
}

/// Deletes the caller's own account, with everything they own.
///
/// # Errors
/// 400 for a wrong password; 403 without a password or a recent login; 409 for the last superuser.
pub async fn delete_me(
    accounts: &AccountContext,
    caller: SessionUser<'_>,
    current_password: Option<Password>,
) -> Result<()> {
    let reauthentication = Reauthentication::check(accounts, caller, current_password).await?;
    let transaction = begin_write(&accounts.db).await?;
    // Locks the caller as well.
    keep_a_superuser(&transaction, caller.user.id).await?;
    reauthentication.confirm(accounts, &transaction).await?;
    remove(accounts, transaction, Actor { id: caller.user.id, client: caller.client }, caller.user.id).await
}

async fn remove(accounts: &AccountContext, transaction: DatabaseTransaction, actor: Actor<'_>, id: Uuid) -> Result<()> {
    let deleted = Entity::delete_by_id(id).exec(&transaction).await?;
    if deleted.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    let (kind, client) = (AuditKind::UserDeleted, actor.client);
    let event = Event { kind, user: Some(id), actor: Some(actor.id), client, detail: None };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.invalidate(id);
    Ok(())
}

/// Makes sure that an active superuser remains. Locks the superusers, so that two who remove each other at the same
/// time cannot both succeed.
///
/// # Errors
/// 409 when `leaving` is the last active superuser.
pub(super) async fn keep_a_superuser(transaction: &DatabaseTransaction, leaving: Uuid) -> Result<()> {
    let superuser = Condition::all().add(Column::IsSuperuser.eq(true)).add(Column::IsActive.eq(true));
    // One statement locks all rows, the leaving user's included, in the same order every time, so that two transactions
    // cannot deadlock.
    let locked = Entity::find()
        .filter(Condition::any().add(superuser).add(Column::Id.eq(leaving)))
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(transaction)
        .await?;
    let mut superusers = locked.iter().filter(|user| user.is_superuser && user.is_active);
    match (superusers.next(), superusers.next()) {
        (Some(last), None) if last.id == leaving => Err(Error::Conflict("The last superuser cannot be removed")),
        _ => Ok(()),
    }
}
