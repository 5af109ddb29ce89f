//! Users: finding them, and what is allowed with them.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use secrecy::ExposeSecret;
use uuid::Uuid;

use crate::core::database::{Db, begin_write};
use crate::core::security::Passwords;
use crate::entities::user::{self, ActiveModel, Column, Entity};
use crate::error::{Error, Result, on_unique};
use crate::schemas::page::{Page, Paging};
use crate::schemas::password::NewPassword;
use crate::schemas::text::{Email, Username};
use crate::schemas::user::{Address, PasswordUpdate, UserCreate, UserPage, UserRead, UserUpdate};

/// A user as stored; what routes hold without knowing the entity.
pub type User = user::Model;

const NOT_FOUND: Error = Error::NotFound("User not found");
const INCORRECT: Error = Error::BadRequest("Incorrect password");
const EMAIL_TAKEN: (&str, &str) = ("users_email_key", "The user with this email already exists in the system");
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
        } = user;
        let address = address.map(|user::Address { street, city, country }| Address { street, city, country });
        Self { id, email, username, full_name, age, address, is_active, is_superuser, created_at }
    }
}

fn stored(address: Address) -> user::Address {
    let Address { street, city, country } = address;
    user::Address { street, city, country }
}

/// The active user with this id.
pub async fn find_active(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<User>> {
    let user = Entity::find_by_id(id).one(db).await?;
    Ok(user.filter(|user| user.is_active))
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
pub async fn read(db: &impl ConnectionTrait, caller: User, id: Uuid) -> Result<UserRead> {
    if caller.id == id {
        return Ok(caller.into());
    }
    if !caller.is_superuser {
        return Err(NOT_FOUND);
    }
    let user = Entity::find_by_id(id).one(db).await?;
    user.map(UserRead::from).ok_or(NOT_FOUND)
}

/// Some of the users, newest first.
pub async fn list(db: &impl ConnectionTrait, Paging { skip, limit }: Paging) -> Result<UserPage> {
    let count = Entity::find().count(db).await?;
    let users = Entity::find()
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .offset(skip.unsigned_abs())
        .limit(limit.unsigned_abs())
        .all(db)
        .await?;
    Ok(Page { data: users.into_iter().map(UserRead::from).collect(), count })
}

/// A new user.
///
/// # Errors
/// 409 when email or username are taken.
pub async fn create(
    db: &Db,
    passwords: &Passwords,
    now: DateTime<Utc>,
    data: UserCreate,
    is_superuser: bool,
) -> Result<UserRead> {
    let UserCreate { email, password, username, full_name, age, address } = data;
    let user = ActiveModel {
        id: Set(Uuid::now_v7()),
        email: Set(email.as_str().to_owned()),
        username: Set(String::new()),
        hashed_password: Set(passwords.hash(password.into_secret()).await?),
        full_name: Set(full_name),
        age: Set(age),
        address: Set(address.map(stored)),
        is_active: Set(true),
        is_superuser: Set(is_superuser),
        created_at: Set(now),
    };
    let insert = async |name: Username| {
        let user = ActiveModel { username: Set(name.as_str().to_owned()), ..user.clone() };
        user.insert(db).await.map_err(|error| on_unique(error, &[EMAIL_TAKEN, USERNAME_TAKEN]))
    };
    let user = match username {
        Some(name) => insert(name).await?,
        // A made-up name may be taken, which is not the client's fault: then it gets a random end.
        None => match insert(Username::from_email(&email, None)).await {
            Err(Error::Conflict(text)) if text == USERNAME_TAKEN.1 => {
                let random = Uuid::new_v4().simple().to_string();
                insert(Username::from_email(&email, Some(&random[..8]))).await?
            }
            other => other?,
        },
    };
    Ok(user.into())
}

/// Changes what `data` says.
///
/// # Errors
/// 404 for nobody; 409 when email or username are taken, or the last superuser would be lost.
pub async fn update(db: &Db, passwords: &Passwords, id: Uuid, data: UserUpdate) -> Result<UserRead> {
    let UserUpdate { email, password, username, full_name, age, address, is_active, is_superuser } = data;
    let hash = match password {
        Some(password) => Some(passwords.hash(password.into_secret()).await?),
        None => None,
    };
    let transaction = begin_write(db).await?;
    if is_active == Some(false) || is_superuser == Some(false) {
        keep_a_superuser(&transaction, id).await?;
    }
    let change = ActiveModel {
        id: Unchanged(id),
        email: set(email.map(|email| email.as_str().to_owned())),
        username: set(username.map(|username| username.as_str().to_owned())),
        hashed_password: set(hash),
        full_name: set(full_name),
        age: set(age),
        address: set(address.map(|address| address.map(stored))),
        is_active: set(is_active),
        is_superuser: set(is_superuser),
        created_at: NotSet,
    };
    let user = if change.is_changed() {
        change.update(&transaction).await.map_err(|error| match error {
            DbErr::RecordNotUpdated => NOT_FOUND,
            error => on_unique(error, &[EMAIL_TAKEN, USERNAME_TAKEN]),
        })?
    } else {
        Entity::find_by_id(id).one(&transaction).await?.ok_or(NOT_FOUND)?
    };
    transaction.commit().await?;
    Ok(user.into())
}

/// What is present is changed.
fn set<T: Into<sea_orm::Value>>(value: Option<T>) -> ActiveValue<T> {
    value.map_or(NotSet, Set)
}

/// Changes the caller's own password.
///
/// # Errors
/// 400 when the current password is wrong, or the new one is the same.
pub async fn update_password(db: &Db, passwords: &Passwords, caller: User, data: PasswordUpdate) -> Result<()> {
    let PasswordUpdate { current_password, new_password } = data;
    let (current, new) = (current_password.into_secret(), new_password.into_secret());
    let is_same = current.expose_secret() == new.expose_secret();
    let verified = caller.hashed_password;
    if !passwords.verify(current, Some(verified.clone())).await? {
        return Err(INCORRECT);
    }
    if is_same {
        return Err(Error::BadRequest("New password cannot be the same as the current one"));
    }
    let hash = passwords.hash(new).await?;
    // Only in place of the hash that was verified: the user may be gone by now, or the password another.
    let changed = Entity::update_many()
        .col_expr(Column::HashedPassword, Expr::value(hash))
        .filter(Column::Id.eq(caller.id))
        .filter(Column::HashedPassword.eq(verified))
        .exec(db)
        .await?;
    if changed.rows_affected == 0 { Err(INCORRECT) } else { Ok(()) }
}

/// Deletes the user, and with him all that is his.
///
/// # Errors
/// 404 for nobody; 409 for the last superuser.
pub async fn delete(db: &Db, id: Uuid) -> Result<()> {
    let transaction = begin_write(db).await?;
    keep_a_superuser(&transaction, id).await?;
    let deleted = Entity::delete_by_id(id).exec(&transaction).await?;
    if deleted.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    transaction.commit().await?;
    Ok(())
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

/// Makes sure that a superuser with this email exists; whether it had to be made.
///
/// # Errors
/// When the database cannot be reached.
pub async fn ensure_superuser(
    db: &Db,
    passwords: &Passwords,
    now: DateTime<Utc>,
    email: Email,
    password: NewPassword,
) -> Result<bool> {
    if find_by_login(db, email.as_str()).await?.is_some() {
        return Ok(false);
    }
    let data = UserCreate { email, password, username: None, full_name: None, age: None, address: None };
    match create(db, passwords, now, data, true).await {
        Ok(_) => Ok(true),
        // Another process that starts at the same time was faster.
        Err(Error::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
