//! Changes of a user, by himself or a superuser, and what follows from them.

use sea_orm::ActiveValue::{NotSet, Set, Unchanged};
use sea_orm::{ActiveModelTrait, ActiveValue, DatabaseTransaction, EntityTrait, QuerySelect};
use uuid::Uuid;

use super::password::{check_current, hash_for};
use super::{EMAIL_TAKEN, NOT_FOUND, USERNAME_TAKEN, User, keep_a_superuser, stored};
use crate::core::client::Client;
use crate::core::database::begin_write;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::{Error, Result, on_unique};
use crate::jobs::kinds::link_mail::LinkTemplate;
use crate::schemas::audit_event::AuditKind;
use crate::schemas::text::Email;
use crate::schemas::user::{UserRead, UserUpdate, UserUpdateMe};
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};
use crate::services::account::{email_token, session, verification};

/// Changes what users say about themselves. Where logging in needs a verified address, a new one waits until
/// the link that is mailed to it is followed; elsewhere it counts at once.
///
/// Whoever has the address can have a new password mailed to it. So a token, which may be stolen, is not enough to
/// change it: the login must be recent, or the password come along.
///
/// # Errors
/// As for [`update`]; for a new address also 403 when the login is too long ago, 400 when the password is wrong.
pub async fn update_me(
    accounts: &AccountContext,
    client: &Client,
    caller: &User,
    session: Uuid,
    data: UserUpdateMe,
) -> Result<UserRead> {
    let UserUpdateMe { email, current_password, username, full_name, age, address } = data;
    let new_email = email.filter(|email| email.as_str() != caller.email);
    let password = current_password.filter(|_| new_email.is_some());
    let by = By::Himself { session, has_shown_password: password.is_some() };
    if let Some(password) = password {
        check_current(accounts, client, caller, password).await?;
    }
    let waits = accounts.settings().require_verified_email;
    let (now, later) = if waits { (None, new_email) } else { (new_email, None) };
    let data = UserUpdate { email: now, username, full_name, age, address, ..UserUpdate::default() };
    change(accounts, client, (caller.id, by), caller.id, data, later).await
}

/// Changes what `data` says, as a superuser may.
///
/// # Errors
/// 404 for nobody; 409 when email or username are taken, or the last superuser would be lost; 422 when the
/// password is too easy to guess.
pub async fn update(
    accounts: &AccountContext,
    client: &Client,
    actor: Uuid,
    id: Uuid,
    data: UserUpdate,
) -> Result<UserRead> {
    change(accounts, client, (actor, By::Superuser), id, data, None).await
}

/// On what strength a user is changed.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Himself { session: Uuid, has_shown_password: bool },
    Superuser,
}

async fn change(
    accounts: &AccountContext,
    client: &Client,
    (actor, by): (Uuid, By),
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
    // Once more, as of now: hashing takes its time, and another process may have taken the role away.
    let acting = if actor == id { Some(old.clone()) } else { Entity::find_by_id(actor).one(&transaction).await? };
    match acting {
        Some(acting) if acting.is_active && (acting.is_superuser || by != By::Superuser) => {}
        Some(acting) if acting.is_active => return Err(Error::Forbidden),
        _ => return Err(Error::Unauthorized),
    }
    let email = email.map(|email| email.as_str().to_owned()).filter(|email| *email != old.email);
    if let By::Himself { session, has_shown_password } = by
        && (email.is_some() || unverified.is_some())
    {
        // Also after the password was right: what changed it in the meantime has ended the other sessions.
        let session = session::still_open(&transaction, session).await?;
        if !has_shown_password && !session::is_recent(accounts, &session) {
            return Err(Error::RecentLoginRequired);
        }
    }
    let change = ActiveModel {
        id: Unchanged(id),
        // A superuser vouches for the address.
        email_verified: set(email.is_some().then_some(by == By::Superuser)),
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
    if hash.is_some() || email.is_some() || !user.is_active {
        email_token::revoke(&transaction, id).await?;
    }
    if hash.is_some() || !user.is_active {
        session::end_others(&transaction, id, None).await?;
    }
    let to_verify = unverified.map(|email| email.as_str().to_owned()).or(email.clone().filter(|_| by != By::Superuser));
    if let Some(new) = &to_verify {
        email_token::mail_link(accounts, &transaction, id, new, LinkTemplate::EmailVerification).await?;
    }
    if user.email != old.email || to_verify.is_some() {
        verification::notify(accounts, &transaction, old.email, email.is_some()).await?;
    }
    transaction.commit().await?;
    accounts.principals.forget(id);
    accounts.job_signal.notify();
    Ok(user.into())
}

/// What the audit trail is told about a change of a user.
async fn record_changes(
    accounts: &AccountContext,
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
