//! Users: finding them, and what is allowed with them.

use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::sea_query::{Expr, ExprTrait, Func};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait,
    PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, SqlErr,
};
use secrecy::ExposeSecret;
use uuid::Uuid;

use super::accounts::Accounts;
use super::audit_event::{self, Event};
use super::idempotency::once;
use super::{mailed, session, verification};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::core::idempotency::IdempotencyKey;
use crate::core::schema::Problem;
use crate::core::security::{Verdict, Weakness};
use crate::entities::user::{self, ActiveModel, Column, Entity};
use crate::error::{Error, Result, on_unique};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::page::{Page, Paging};
use crate::schemas::password::NewPassword;
use crate::schemas::text::{Email, Username};
use crate::schemas::user::{Address, PasswordUpdate, UserCreate, UserPage, UserRead, UserUpdate, UserUpdateMe};

/// A user as stored; what routes hold without knowing the entity.
pub type User = user::Model;

const NOT_FOUND: Error = Error::NotFound("User not found");
const INCORRECT: Error = Error::BadRequest("Incorrect password");
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

/// The superuser who creates a user.
pub struct Creator {
    /// His id.
    pub actor: Uuid,
    /// Under which his request may come again.
    pub key: Option<IdempotencyKey>,
}

/// A new user, by signing up (without a creator) or by a superuser, who vouches for the address.
///
/// # Errors
/// 409 when email or username are taken, 422 when the password is too easy to guess.
pub async fn create(
    accounts: &Accounts,
    client: &Client,
    by: Option<Creator>,
    data: UserCreate,
    is_superuser: bool,
) -> Result<UserRead> {
    let own = [Some(data.email.as_str()), data.username.as_ref().map(Username::as_str), data.full_name.as_deref()];
    let own = own.into_iter().flatten().map(str::to_owned).collect();
    let hash = accounts.passwords.hash(data.password.clone().into_secret(), own).await?;
    let hash = hash.map_err(|weakness| refused("password", weakness))?;
    insert(accounts, client, by, data, hash, is_superuser).await
}

async fn insert(
    accounts: &Accounts,
    client: &Client,
    by: Option<Creator>,
    data: UserCreate,
    hashed_password: String,
    is_superuser: bool,
) -> Result<UserRead> {
    let UserCreate { email, password: _, username, full_name, age, address } = data;
    let now = accounts.now();
    let user = ActiveModel {
        id: Set(Uuid::now_v7()),
        email: Set(email.as_str().to_owned()),
        username: Set(String::new()),
        hashed_password: Set(hashed_password),
        full_name: Set(full_name),
        age: Set(age),
        address: Set(address.map(stored)),
        is_active: Set(true),
        is_superuser: Set(is_superuser),
        created_at: Set(now),
        email_verified: Set(by.is_some() || is_superuser),
    };
    let actor = by.as_ref().map(|by| by.actor);
    let add = async |transaction: &DatabaseTransaction, name: &Username| {
        let user = ActiveModel { username: Set(name.as_str().to_owned()), ..user.clone() };
        let user = user.insert(transaction).await.map_err(|error| on_unique(error, &[EMAIL_TAKEN, USERNAME_TAKEN]))?;
        let detail = is_superuser.then(|| "superuser".to_owned());
        let event = Event { kind: AuditKind::UserCreated, user: Some(user.id), actor, client, detail };
        audit_event::record(transaction, now, event).await?;
        Ok::<User, Error>(user)
    };
    let try_insert = async |name: Username| {
        if let Some(Creator { actor, key }) = &by {
            let work = async |transaction: &DatabaseTransaction| Ok(add(transaction, &name).await?.into());
            return once(&accounts.db, *actor, key.clone(), now, work).await;
        }
        let transaction = begin_write(&accounts.db).await?;
        let user = add(&transaction, &name).await?;
        if user.email_verified {
            transaction.commit().await?;
        } else {
            let mail = verification::link(accounts, &transaction, &user, &user.email).await?;
            transaction.commit().await?;
            accounts.mailer.send(mail);
        }
        Ok(user.into())
    };
    match username {
        Some(name) => try_insert(name).await,
        // A made-up name may be taken, which is not the client's fault: then it gets a random end.
        None => match try_insert(Username::from_email(&email, None)).await {
            Err(Error::Conflict(text)) if text == USERNAME_TAKEN.1 => {
                let random = Uuid::new_v4().simple().to_string();
                try_insert(Username::from_email(&email, Some(&random[..8]))).await
            }
            other => other,
        },
    }
}

/// The hash of a new password of this user.
///
/// # Errors
/// 422 at `field` when it is too easy to guess.
pub(super) async fn hash_for(
    accounts: &Accounts,
    user: &User,
    field: &'static str,
    password: NewPassword,
) -> Result<String> {
    let own = [Some(&user.email), Some(&user.username), user.full_name.as_ref()].into_iter().flatten().cloned();
    let hash = accounts.passwords.hash(password.into_secret(), own.collect()).await?;
    hash.map_err(|weakness| refused(field, weakness))
}

fn refused(field: &'static str, weakness: Weakness) -> Error {
    let loc = vec!["body".into(), field.into()];
    Error::Invalid(vec![match weakness {
        Weakness::TooShort(least) => Problem::too_short(loc, least),
        Weakness::Common => Problem::value_error(loc, "The password is too easy to guess"),
        Weakness::Personal => Problem::value_error(loc, "The password must not contain your name or email"),
    }])
}

/// Changes what users say about themselves. Where logging in needs a verified address, a new one waits until
/// the link that is mailed to it is followed; elsewhere it counts at once.
///
/// # Errors
/// As for [`update`].
pub async fn update_me(accounts: &Accounts, client: &Client, caller: &User, data: UserUpdateMe) -> Result<UserRead> {
    let UserUpdateMe { email, username, full_name, age, address } = data;
    let new_email = email.filter(|email| email.as_str() != caller.email);
    let waits = accounts.settings().require_verified_email;
    let (now, later) = if waits { (None, new_email) } else { (new_email, None) };
    let data = UserUpdate { email: now, username, full_name, age, address, ..UserUpdate::default() };
    change(accounts, client, caller.id, caller.id, data, later).await
}

/// Changes what `data` says, as a superuser may.
///
/// # Errors
/// 404 for nobody; 409 when email or username are taken, or the last superuser would be lost; 422 when the
/// password is too easy to guess.
pub async fn update(accounts: &Accounts, client: &Client, actor: Uuid, id: Uuid, data: UserUpdate) -> Result<UserRead> {
    change(accounts, client, actor, id, data, None).await
}

async fn change(
    accounts: &Accounts,
    client: &Client,
    actor: Uuid,
    id: Uuid,
    data: UserUpdate,
    unverified: Option<Email>,
) -> Result<UserRead> {
    let UserUpdate { email, password, username, full_name, age, address, is_active, is_superuser } = data;
    let hash = match password {
        Some(password) => {
            let user = Entity::find_by_id(id).one(&accounts.db).await?.ok_or(NOT_FOUND)?;
            Some(hash_for(accounts, &user, "password", password).await?)
        }
        None => None,
    };
    let transaction = begin_write(&accounts.db).await?;
    if is_active == Some(false) || is_superuser == Some(false) {
        keep_a_superuser(&transaction, id).await?;
    }
    let old = Entity::find_by_id(id).lock_exclusive().one(&transaction).await?.ok_or(NOT_FOUND)?;
    let email = email.map(|email| email.as_str().to_owned()).filter(|email| *email != old.email);
    let change = ActiveModel {
        id: Unchanged(id),
        // A superuser vouches for the address.
        email_verified: set(email.is_some().then_some(actor != id)),
        email: set(email.clone()),
        username: set(username.map(|username| username.as_str().to_owned())),
        hashed_password: set(hash.clone()),
        full_name: set(full_name),
        age: set(age),
        address: set(address.map(|address| address.map(stored))),
        is_active: set(is_active),
        is_superuser: set(is_superuser),
        created_at: NotSet,
    };
    let user = if change.is_changed() {
        let changed = change.update(&transaction).await;
        changed.map_err(|error| on_unique(error, &[EMAIL_TAKEN, USERNAME_TAKEN]))?
    } else {
        old.clone()
    };
    record_changes(accounts, &transaction, client, actor, (&old, &user)).await?;
    if hash.is_some() || email.is_some() {
        mailed::revoke(&transaction, id).await?;
    }
    if hash.is_some() || !user.is_active {
        session::end_others(&transaction, id, None).await?;
    }
    let mut mails = Vec::new();
    let to_verify = unverified.map(|email| email.as_str().to_owned()).or(email.clone().filter(|_| actor == id));
    if let Some(new) = to_verify {
        mails.push(verification::link(accounts, &transaction, &user, &new).await?);
    }
    if user.email != old.email || !mails.is_empty() {
        mails.push(verification::notice(old.email, email.is_some()));
    }
    transaction.commit().await?;
    accounts.callers.forget(id);
    for mail in mails {
        accounts.mailer.send(mail);
    }
    Ok(user.into())
}

/// What the audit trail is told about a change of a user.
async fn record_changes(
    accounts: &Accounts,
    transaction: &DatabaseTransaction,
    client: &Client,
    actor: Uuid,
    (old, new): (&User, &User),
) -> Result<()> {
    let became = |is: bool, yes: &str, no: &str| Some(if is { yes } else { no }.to_owned());
    let changes = [
        (old.is_superuser != new.is_superuser, AuditKind::RoleChanged, became(new.is_superuser, "superuser", "user")),
        (old.is_active != new.is_active, AuditKind::ActivityChanged, became(new.is_active, "active", "inactive")),
        (old.hashed_password != new.hashed_password, AuditKind::PasswordChanged, None),
        (old.email != new.email, AuditKind::EmailChanged, None),
    ];
    for (_, kind, detail) in changes.into_iter().filter(|(changed, ..)| *changed) {
        let event = Event { kind, user: Some(new.id), actor: Some(actor), client, detail };
        audit_event::record(transaction, accounts.now(), event).await?;
    }
    Ok(())
}

/// What is present is changed.
fn set<T: Into<sea_orm::Value>>(value: Option<T>) -> ActiveValue<T> {
    value.map_or(NotSet, Set)
}

/// Changes the caller's own password, and ends all sessions but the one that asks.
///
/// # Errors
/// 400 when the current password is wrong, or the new one is the same; 422 when it is too easy to guess.
pub async fn update_password(
    accounts: &Accounts,
    client: &Client,
    caller: &User,
    session: Uuid,
    data: PasswordUpdate,
) -> Result<()> {
    let PasswordUpdate { current_password, new_password } = data;
    let current = current_password.into_secret();
    let is_same = current.expose_secret() == new_password.clone().into_secret().expose_secret();
    let verified = Some(caller.hashed_password.clone());
    if accounts.passwords.verify(current, verified).await? == Verdict::Wrong {
        return Err(INCORRECT);
    }
    if is_same {
        return Err(Error::BadRequest("New password cannot be the same as the current one"));
    }
    let hash = hash_for(accounts, caller, "new_password", new_password).await?;
    let transaction = begin_write(&accounts.db).await?;
    // Only in place of the hash that was verified: the user may be gone by now, or the password another.
    let changed = Entity::update_many()
        .col_expr(Column::HashedPassword, Expr::value(hash))
        .filter(Column::Id.eq(caller.id))
        .filter(Column::HashedPassword.eq(&caller.hashed_password))
        .exec(&transaction)
        .await?;
    if changed.rows_affected == 0 {
        return Err(INCORRECT);
    }
    mailed::revoke(&transaction, caller.id).await?;
    session::end_others(&transaction, caller.id, Some(session)).await?;
    let event = Event::by_user(AuditKind::PasswordChanged, caller.id, client);
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.callers.forget(caller.id);
    Ok(())
}

/// Deletes the user, and with him all that is his.
///
/// # Errors
/// 404 for nobody; 409 for the last superuser.
pub async fn delete(accounts: &Accounts, client: &Client, actor: Uuid, id: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    keep_a_superuser(&transaction, id).await?;
    let deleted = Entity::delete_by_id(id).exec(&transaction).await?;
    if deleted.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    let event = Event { kind: AuditKind::UserDeleted, user: Some(id), actor: Some(actor), client, detail: None };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.callers.forget(id);
    Ok(())
}

/// What it means that a row of a user could not be added: he was deleted in the meantime.
pub(super) fn gone(error: DbErr) -> Error {
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

/// Makes sure that a superuser with this email exists; whether it had to be made. The operator's choice of a
/// password is not judged here: production refuses placeholders before.
///
/// # Errors
/// When the database cannot be reached.
pub async fn ensure_superuser(accounts: &Accounts, email: Email, password: NewPassword) -> Result<bool> {
    if find_by_login(&accounts.db, email.as_str()).await?.is_some() {
        return Ok(false);
    }
    let hash = accounts.passwords.hash_unchecked(password.clone().into_secret()).await?;
    let data = UserCreate { email, password, username: None, full_name: None, age: None, address: None };
    match insert(accounts, &Client::default(), None, data, hash, true).await {
        Ok(_) => Ok(true),
        // Another process that starts at the same time was faster.
        Err(Error::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
