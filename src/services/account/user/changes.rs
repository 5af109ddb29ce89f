//! The steps of every change to a user: the lock, the update, the audit trail.

use sea_orm::ActiveValue::{self, NotSet, Set};
use sea_orm::{ActiveModelTrait, DatabaseTransaction, EntityTrait, QuerySelect};
use uuid::Uuid;

use super::{Actor, EMAIL_TAKEN, USERNAME_TAKEN, User};
use crate::core::database;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::{Error, Result, on_unique};
use crate::schemas::audit_event::AuditKind;
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};

/// The user, locked until the transaction ends. Every transaction locks the user first, so that two of them
/// cannot deadlock.
pub(super) async fn lock(transaction: &DatabaseTransaction, id: Uuid) -> Result<Option<User>> {
    Ok(Entity::find_by_id(id).lock_exclusive().one(transaction).await?)
}

/// Checks the actor again, inside the transaction: hashing and locks take time, and the role may have been taken away.
///
/// # Errors
/// 401 or 403 if the actor has lost their account or role since the request came in.
pub(super) async fn check_superuser(transaction: &DatabaseTransaction, actor: Uuid) -> Result<()> {
    match Entity::find_by_id(actor).one(transaction).await? {
        Some(actor) if actor.is_active && actor.is_superuser => Ok(()),
        Some(actor) if actor.is_active => Err(Error::Forbidden),
        _ => Err(Error::Unauthorized),
    }
}

/// Sets the column if there is a value, otherwise leaves it unchanged.
pub(super) fn set<T: Into<sea_orm::Value>>(value: Option<T>) -> ActiveValue<T> {
    value.map_or(NotSet, Set)
}

/// Stores the change, if there is any, and returns the changed user.
///
/// # Errors
/// 409 when email or username are taken.
pub(super) async fn save(transaction: &DatabaseTransaction, old: &User, change: ActiveModel) -> Result<User> {
    if !change.is_changed() {
        return Ok(old.clone());
    }
    let saved = database::update(transaction, change).await;
    saved.map_err(|error| on_unique(error, &[EMAIL_TAKEN, USERNAME_TAKEN]))
}

/// Records the changes in the audit trail.
pub(super) async fn record_changes(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    actor: Actor<'_>,
    old: &User,
    new: &User,
) -> Result<()> {
    let mut changes = Vec::new();
    if old.is_superuser != new.is_superuser {
        changes.push((AuditKind::RoleChanged, Some(if new.is_superuser { "superuser" } else { "user" })));
    }
    if old.is_active != new.is_active {
        changes.push((AuditKind::ActivityChanged, Some(if new.is_active { "active" } else { "inactive" })));
    }
    if old.hashed_password != new.hashed_password {
        changes.push((AuditKind::PasswordChanged, None));
    }
    if old.email != new.email {
        changes.push((AuditKind::EmailChanged, None));
    }
    for (kind, detail) in changes {
        let (user, actor, client) = (Some(new.id), Some(actor.id), actor.client);
        let event = Event { kind, user, actor, client, detail: detail.map(str::to_owned) };
        audit_event::record(transaction, accounts.now(), event).await?;
    }
    Ok(())
}
