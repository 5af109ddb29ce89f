//! Creating users: by sign-up, by a superuser, or by the operator.

use sea_orm::sea_query::{Expr, Func, OnConflict};
use sea_orm::{DatabaseTransaction, EntityTrait, IntoActiveModel};
use uuid::Uuid;

use super::changes::check_superuser;
use super::password::refused;
use super::{Actor, EMAIL_TAKEN, USERNAME_TAKEN, User, find_by_login, stored};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::entities::user::{Column, Entity};
use crate::error::{Error, Result, on_unique};
use crate::jobs::kinds::email_token::Link;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::password::NewPassword;
use crate::schemas::text::{Email, Username};
use crate::schemas::user::{UserCreate, UserRead, UserRegister};
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};
use crate::services::account::email_token::{self, LinkRequest};
use crate::services::account::reauthentication::Reauthentication;
use crate::services::idempotency::{IdempotencyKey, once};

/// A superuser who creates a user.
pub struct Creator<'a> {
    /// The superuser.
    pub actor: Actor<'a>,
    /// Their session; `None` for a key.
    pub session: Option<Uuid>,
    // only with idempotency
    /// The key of the request, if it may be repeated.
    pub key: Option<IdempotencyKey>,
}

/// Creates a user who signs up. With `auth.require_verified_email` a mail asks them to verify the address.
///
/// # Errors
/// 409 when email or username are taken; 422 for a weak password.
pub async fn sign_up(accounts: &AccountContext, client: &Client, data: UserRegister) -> Result<UserRead> {
    let UserRegister { email, password, username, full_name, age, address } = data;
    let data = UserCreate { email, password, username, full_name, age, address, is_active: true, is_superuser: false };
    let new = NewUser { hashed_password: hash_password(accounts, &data).await?, data, is_verified: false };
    let transaction = begin_write(&accounts.db).await?;
    let user = insert(accounts, &transaction, &Origin { actor: None, client }, new).await?;
    // only with jobs
    if accounts.settings().require_verified_email {
        let request = LinkRequest { email: &user.email, link: Link::EmailVerification, client };
        email_token::request_for_user(accounts, &transaction, user.id, request).await?;
    }
    transaction.commit().await?;
    accounts.job_signal.notify(); // only with jobs
    Ok(user.into())
}

/// Creates a user as a superuser. The address counts as verified. A mail invites the user to choose a password, unless
/// the user may not log in yet.
///
/// # Errors
/// 409 when email or username are taken; 422 for a weak password, and for another request under the same key; 401 or
/// 403 if the actor has lost their account or role since the request came in; 403 without a recent login for a new
/// superuser.
pub async fn create(accounts: &AccountContext, creator: Creator<'_>, data: UserCreate) -> Result<UserRead> {
    let Creator { actor, session, key } = creator;
    let reauthentication = if data.is_superuser {
        Some(Reauthentication::by_session(session.ok_or(Error::InsufficientScope)?))
    } else {
        None
    };
    let new = NewUser { hashed_password: hash_password(accounts, &data).await?, data, is_verified: true };
    let created = once(&accounts.db, actor.id, key, accounts.now(), async |transaction| {
        check_superuser(transaction, actor.id).await?;
        if let Some(reauthentication) = reauthentication {
            reauthentication.confirm(accounts, transaction).await?;
        }
        let origin = Origin { actor: Some(actor.id), client: actor.client };
        let user = insert(accounts, transaction, &origin, new).await?;
        // only with jobs
        if user.is_active {
            let request = LinkRequest { email: &user.email, link: Link::NewAccount, client: actor.client };
            email_token::request_for_user(accounts, transaction, user.id, request).await?;
        }
        Ok(user.into())
    });
    let created = created.await?;
    accounts.job_signal.notify(); // only with jobs
    Ok(created)
}

/// Creates a superuser with this email, unless the email is taken. Returns whether the user was created. The password
/// is not checked for weakness: it is the operator's choice, and production refuses placeholders.
///
/// # Errors
/// When the database cannot be reached.
pub async fn ensure_superuser(accounts: &AccountContext, email: Email, password: NewPassword) -> Result<bool> {
    if find_by_login(&accounts.db, email.as_str()).await?.is_some() {
        return Ok(false);
    }
    let hashed_password = accounts.passwords.hash_unchecked(password.clone().into_secret()).await?;
    let (username, full_name, age, address) = (None, None, None, None);
    let data = UserCreate { email, password, username, full_name, age, address, is_active: true, is_superuser: true };
    let new = NewUser { data, hashed_password, is_verified: true };
    let transaction = begin_write(&accounts.db).await?;
    match insert(accounts, &transaction, &Origin { actor: None, client: &Client::default() }, new).await {
        Ok(_) => {
            transaction.commit().await?;
            Ok(true)
        }
        // Another process that is starting at the same time has created it.
        Err(Error::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn hash_password(accounts: &AccountContext, data: &UserCreate) -> Result<String> {
    let own = [Some(data.email.as_str()), data.username.as_ref().map(Username::as_str), data.full_name.as_deref()];
    let own = own.into_iter().flatten().map(str::to_owned).collect();
    let hash = accounts.passwords.hash(data.password.clone().into_secret(), own).await?;
    hash.map_err(|weakness| refused("password", weakness))
}

/// A user to be stored.
struct NewUser {
    data: UserCreate,
    hashed_password: String,
    is_verified: bool, // only with jobs
}

/// Where a new user comes from, for the audit trail.
struct Origin<'a> {
    actor: Option<Uuid>,
    client: &'a Client,
}

/// Stores the user, with a username made from the email if they chose none.
///
/// # Errors
/// 409 when the email or the chosen username are taken.
async fn insert(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    origin: &Origin<'_>,
    new: NewUser,
) -> Result<User> {
    let NewUser { data, hashed_password, is_verified } = new;
    let UserCreate { email, password: _, username, full_name, age, address, is_active, is_superuser } = data;
    let now = accounts.now();
    let is_chosen = username.is_some();
    let username = username.unwrap_or_else(|| Username::from_email(&email, None));
    let mut user = User {
        id: Uuid::now_v7(),
        email: email.as_str().to_owned(),
        username: username.as_str().to_owned(),
        hashed_password,
        full_name,
        age,
        address: address.map(stored),
        is_active,
        is_superuser,
        created_at: now,
        email_verified: is_verified, // only with jobs
    };
    if !insert_unless_username_taken(transaction, &user).await? {
        if is_chosen {
            return Err(Error::Conflict(USERNAME_TAKEN.message));
        }
        // The client did not choose the name that is taken, so it gets a random suffix.
        let suffix = Uuid::new_v4().simple().to_string();
        Username::from_email(&email, Some(&suffix[..8])).as_str().clone_into(&mut user.username);
        if !insert_unless_username_taken(transaction, &user).await? {
            return Err(Error::Conflict(USERNAME_TAKEN.message));
        }
    }
    let detail = is_superuser.then(|| "superuser".to_owned());
    let Origin { actor, client } = *origin;
    let event = Event { kind: AuditKind::UserCreated, user: Some(user.id), actor, client, detail };
    audit_event::record(transaction, now, event).await?;
    Ok(user)
}

/// Stores the user. Returns false if the username is taken.
///
/// # Errors
/// 409 when the email is taken.
async fn insert_unless_username_taken(transaction: &DatabaseTransaction, user: &User) -> Result<bool> {
    let username = Func::lower(Expr::col(Column::Username));
    let unless_taken = OnConflict::new().expr(username).do_nothing().to_owned();
    let insert = Entity::insert(user.clone().into_active_model()).on_conflict(unless_taken);
    let inserted = insert.exec_without_returning(transaction).await;
    Ok(inserted.map_err(|error| on_unique(error, &[EMAIL_TAKEN]))? > 0)
}
