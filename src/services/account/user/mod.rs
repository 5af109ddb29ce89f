//! Users: finding them, and what is allowed with them.

mod change;
mod create;
mod password;

use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, SqlErr,
};
use uuid::Uuid;

pub use change::{update, update_me};
pub use create::{Creator, create, ensure_superuser};
pub(super) use password::hash_for;
pub use password::update_password;

use super::AccountContext;
use super::audit_event::{self, Event};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::entities::user::{self, Column, Entity};
use crate::error::{Error, Result};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::page::Paging;
use crate::schemas::user::{Address, UserPage, UserRead};
use crate::services::page::newest_first;

/// A user as stored; what routes hold without knowing the entity.
pub type User = user::Model;

const NOT_FOUND: Error = Error::NotFound("User not found");
pub(super) const EMAIL_TAKEN: (&str, &str) =
    ("users_email_key", "The user with this email already exists in the system");
const USERNAME_TAKEN: (&str, &str) = ("users_username_key", "The user with this username already exists in the system");

impl From<User> for UserRead {
    fn from(user: User) -> Self {
        let User {
            id,
            email,
            username,
            hashed_password: _,
            full_name,
            age,
            address,
            is_active,
            is_superuser,
            created_at,
            email_verified: _,
        } = user;
        let address = address.map(|user::Address { street, city, country }| Address { street, city, country });
        Self { id, email, username, full_name, age, address, is_active, is_superuser, created_at }
    }
}

fn stored(address: Address) -> user::Address {
    let Address { street, city, country } = address;
    user::Address { street, city, country }
}

/// The user whose email or username this is, whatever its case.
pub async fn find_by_login(db: &impl ConnectionTrait, login: &str) -> Result<Option<User>> {
    let login = login.to_ascii_lowercase();
    // No username has an `@`, so that a login is either one or the other.
    let column = if login.contains('@') { Column::Email } else { Column::Username };
    Ok(Entity::find().filter(Expr::from(Func::lower(Expr::col(column))).eq(login)).one(db).await?)
}

/// The user, who is `caller` or anyone for a superuser.
///
/// # Errors
/// 404 for everybody else, as for nobody.
pub async fn read(db: &impl ConnectionTrait, caller: &User, id: Uuid) -> Result<UserRead> {
    if caller.id == id {
        return Ok(caller.clone().into());
    }
    if !caller.is_superuser {
        return Err(NOT_FOUND);
    }
    let user = Entity::find_by_id(id).one(db).await?;
    user.map(UserRead::from).ok_or(NOT_FOUND)
}

/// Some of the users, newest first.
pub async fn list(db: &impl ConnectionTrait, paging: Paging) -> Result<UserPage> {
    let position = |user: &User| (user.created_at, user.id);
    let page = newest_first(db, Entity::find(), (Column::CreatedAt, Column::Id), position, paging).await?;
    Ok(page.map(UserRead::from))
}

/// Deletes the user, and with him all that is his.
///
/// # Errors
/// 404 for nobody; 409 for the last superuser.
pub async fn delete(accounts: &AccountContext, client: &Client, actor: Uuid, id: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    keep_a_superuser(&transaction, id).await?;
    let deleted = Entity::delete_by_id(id).exec(&transaction).await?;
    if deleted.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    let event = Event { kind: AuditKind::UserDeleted, user: Some(id), actor: Some(actor), client, detail: None };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.forget(id);
    Ok(())
}

/// What it means that a row of a user could not be added: he was deleted in the meantime.
pub(in crate::services) fn user_deleted(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => Error::Unauthorized,
        _ => error.into(),
    }
}

/// Somebody must be left to look after the others. Locks the superusers, so that of two who remove
/// each other at the same time one is refused.
///
/// # Errors
/// 409 when `leaving` is the last active superuser.
async fn keep_a_superuser(transaction: &DatabaseTransaction, leaving: Uuid) -> Result<()> {
    let superuser = Condition::all().add(Column::IsSuperuser.eq(true)).add(Column::IsActive.eq(true));
    // The leaving user's row as well, in one order: two that lock each other's rows would wait for ever.
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
