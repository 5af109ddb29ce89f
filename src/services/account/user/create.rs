//! Users who come: by signing up, made by a superuser, or by the operator.

use sea_orm::{ActiveModelTrait, ActiveValue::Set, DatabaseTransaction};
use uuid::Uuid;

use super::password::refused;
use super::{EMAIL_TAKEN, USERNAME_TAKEN, User, find_by_login, stored};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::entities::user::ActiveModel;
use crate::error::{Error, Result, on_unique};
use crate::jobs::kinds::link_mail::LinkTemplate;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::password::NewPassword;
use crate::schemas::text::{Email, Username};
use crate::schemas::user::{UserCreate, UserRead};
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};
use crate::services::account::email_token;
use crate::services::idempotency::IdempotencyKey;
use crate::services::idempotency::once;

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
    accounts: &AccountContext,
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
    accounts: &AccountContext,
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
            let work = async |transaction: &DatabaseTransaction| {
                let user = add(transaction, &name).await?;
                email_token::mail_link(accounts, transaction, user.id, &user.email, LinkTemplate::NewAccount).await?;
                Ok(user.into())
            };
            let user = once(&accounts.db, *actor, key.clone(), now, work).await?;
            accounts.job_signal.notify();
            return Ok(user);
        }
        let transaction = begin_write(&accounts.db).await?;
        let user = add(&transaction, &name).await?;
        if !user.email_verified {
            let template = LinkTemplate::EmailVerification;
            email_token::mail_link(accounts, &transaction, user.id, &user.email, template).await?;
        }
        transaction.commit().await?;
        accounts.job_signal.notify();
        Ok(user.into())
    };
    match username {
        Some(name) => try_insert(name).await,
        // A made-up name may be taken, which is not the client's fault: then it gets a random end.
        None => match try_insert(Username::from_email(&email, None)).await {
            Err(Error::Conflict(text)) if text == USERNAME_TAKEN.message => {
                let random = Uuid::new_v4().simple().to_string();
                try_insert(Username::from_email(&email, Some(&random[..8]))).await
            }
            other => other,
        },
    }
}

/// Makes sure that a superuser with this email exists; whether it had to be made. The operator's choice of a
/// password is not judged here: production refuses placeholders before.
///
/// # Errors
/// When the database cannot be reached.
pub async fn ensure_superuser(accounts: &AccountContext, email: Email, password: NewPassword) -> Result<bool> {
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
