//! Users: finding, creating, changing and deleting them.

mod changes;
mod create;
mod delete;
mod password;
mod update;
mod update_me;

use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, QueryFilter, SqlErr};
use uuid::Uuid;

pub use create::{Creator, create, ensure_superuser, sign_up};
pub use delete::{delete, delete_me};
pub(super) use password::hash_for; // only with jobs
pub use password::update_password;
pub use update::update;
pub use update_me::update_me;

use delete::keep_a_superuser;

use crate::core::client::Client;
use crate::core::database::UniqueConstraint;
use crate::entities::user::{self, Column, Entity};
use crate::error::{Error, Result, UniqueConflict};
use crate::schemas::page::Paging;
use crate::schemas::user::{Address, UserPage, UserRead};
use crate::services::page::newest_first;

/// A stored user. Routes use this name instead of the entity.
pub type User = user::Model;

/// The user who changes an account, and where the request comes from.
#[derive(Debug, Clone, Copy)]
pub struct Actor<'a> {
    /// The user's id.
    pub id: Uuid,
    /// Where the request comes from.
    pub client: &'a Client,
}

const NOT_FOUND: Error = Error::NotFound("User not found");
pub(super) const EMAIL_TAKEN: UniqueConflict = UniqueConflict {
    constraint: UniqueConstraint { name: "users_email_key", columns: &[] },
    message: "The user with this email already exists in the system",
};
const USERNAME_TAKEN: UniqueConflict = UniqueConflict {
    constraint: UniqueConstraint { name: "users_username_key", columns: &[] },
    message: "The user with this username already exists in the system",
};

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
            email_verified: _, // only with jobs
        } = user;
        let address = address.map(|user::Address { street, city, country }| Address { street, city, country });
        Self { id, email, username, full_name, age, address, is_active, is_superuser, created_at }
    }
}

fn stored(address: Address) -> user::Address {
    let Address { street, city, country } = address;
    user::Address { street, city, country }
}

/// The user with this email or username, ignoring case.
pub async fn find_by_login(db: &impl ConnectionTrait, login: &str) -> Result<Option<User>> {
    let login = login.to_ascii_lowercase();
    // Usernames contain no `@`.
    let column = if login.contains('@') { Column::Email } else { Column::Username };
    Ok(Entity::find().filter(Expr::from(Func::lower(Expr::col(column))).eq(login)).one(db).await?)
}

/// Reads a user: the caller, or any user for a superuser.
///
/// # Errors
/// 404 if the user does not exist or is not visible to the caller.
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

/// A page of the users, newest first.
pub async fn list(db: &impl ConnectionTrait, paging: Paging) -> Result<UserPage> {
    let position = |user: &User| (user.created_at, user.id);
    let page = newest_first(db, Entity::find(), (Column::CreatedAt, Column::Id), position, paging).await?;
    Ok(page.map(UserRead::from))
}

/// The error for a row that belongs to a user who was deleted in the meantime.
#[allow(dead_code, reason = "not every project has rows that belong to users")]
pub(in crate::services) fn user_deleted(error: DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::ForeignKeyConstraintViolation(_)) => Error::Unauthorized,
        _ => error.into(),
    }
}
