//! API keys: programs act as a user with them.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
};
use uuid::Uuid;

use super::AccountContext;
use super::audit_event::{self, Event};
use super::principal::{Credential, Principal};
use super::reauthentication::{Reauthentication, SessionUser};
use super::user::User;
use crate::core::client::Client;
use crate::core::database::{Db, begin_write, insert};
use crate::core::security::{API_KEY_PREFIX, hash_secret, new_secret};
use crate::entities::api_key::{ActiveModel, Column, Entity, Model};
use crate::entities::user;
use crate::error::{Error, Result};
use crate::schemas::api_key::{ApiKeyCreate, ApiKeyCreated, ApiKeyPage, ApiKeyRead};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::page::Paging;
use crate::schemas::scope::Scopes;
use crate::services::page::newest_first;
use crate::validation::schema::Problem;

const NOT_FOUND: Error = Error::NotFound("API key not found");

/// How often the use of a key is recorded.
const USE_INTERVAL: TimeDelta = TimeDelta::minutes(1);

// only with observability
// only with jobs
/// Keys are counted as expiring from this long before.
const EXPIRES_SOON: TimeDelta = TimeDelta::days(7);

fn read_model(key: Model) -> ApiKeyRead {
    let Model { id, user_id: _, name, scopes, key_hash: _, created_at, last_used_at, expires_at } = key;
    ApiKeyRead { id, name, scope: scopes, created_at, last_used_at, expires_at }
}

/// The principal of this key. At most one query; the use is recorded once a minute.
///
/// # Errors
/// 401 for a key that is unknown, expired or revoked, or whose user is not active.
pub async fn authenticate(accounts: &AccountContext, client: &Client, key: &str) -> Result<Principal> {
    let key_hash = hash_secret(key);
    let credential = Credential::ApiKey(key_hash.clone());
    let lookup = match accounts.principals.get(&credential) {
        Ok(principal) => return Ok(principal),
        Err(lookup) => lookup,
    };
    let now = accounts.now();
    let found = Entity::find()
        .filter(Column::KeyHash.eq(key_hash))
        .filter(Column::ExpiresAt.gt(now))
        .find_also_related(user::Entity)
        .one(&accounts.db)
        .await?;
    let Some((key, Some(user))) = found else { return Err(Error::Unauthorized) };
    if !user.is_active {
        return Err(Error::Unauthorized);
    }
    let scopes = Scopes::known(&key.scopes);
    let principal = Principal { user: user.into(), scopes, session: None, token_expires_at: None };
    accounts.principals.insert(credential, principal.clone(), &lookup);
    if key.last_used_at.is_none_or(|used| used + USE_INTERVAL <= now) {
        spawn_record_use(accounts, client, key, now);
    }
    Ok(principal)
}

/// Records the use in the background: the request neither waits for it nor fails with it.
fn spawn_record_use(accounts: &AccountContext, client: &Client, key: Model, now: DateTime<Utc>) {
    let (accounts, client) = (accounts.clone(), client.clone());
    accounts.tasks.clone().spawn(async move {
        if let Err(error) = record_use(&accounts, &client, &key, now).await {
            tracing::warn!(%error, cause = error.cause(), "recording the use of an API key failed");
        }
    });
}

/// Of several concurrent requests, one records the use.
async fn record_use(accounts: &AccountContext, client: &Client, key: &Model, now: DateTime<Utc>) -> Result<()> {
    let is_due = Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lte(now - USE_INTERVAL));
    let transaction = begin_write(&accounts.db).await?;
    let recorded = Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(now))
        .filter(Column::Id.eq(key.id))
        .filter(is_due)
        .exec(&transaction)
        .await?;
    if recorded.rows_affected > 0 {
        let detail = Some(format!("key {}", key.id));
        let event = Event { detail, ..Event::by_user(AuditKind::ApiKeyUsed, key.user_id, client) };
        audit_event::record(&transaction, now, event).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Creates a key. The response is the only one that contains the key itself. `granted` are the scopes of the session.
///
/// A key outlives the session, so it needs a recent login or the password.
///
/// # Errors
/// 400 for a wrong password; 401 if the user is not active any more, or the session has ended; 403 without a password
/// or recent login, or for scopes that the session does not have; 422 for a lifetime over `auth.api_key_max_days`.
pub async fn create(
    accounts: &AccountContext,
    caller: SessionUser<'_>,
    granted: Scopes,
    data: ApiKeyCreate,
) -> Result<ApiKeyCreated> {
    let ApiKeyCreate { name, scope, expires_in_days, current_password } = data;
    let scopes = Scopes::from(scope);
    if !granted.contain(scopes) {
        return Err(Error::InsufficientScope);
    }
    let reauthentication = Reauthentication::check(accounts, caller, current_password).await?;
    let days = lifetime_days(accounts.settings().api_key_max_days, expires_in_days)?;
    let now = accounts.now();
    let key = format!("{API_KEY_PREFIX}{}", new_secret());
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        user_id: Set(caller.user.id),
        name: Set(name),
        scopes: Set(scopes.to_string()),
        key_hash: Set(hash_secret(&key)),
        created_at: Set(now),
        last_used_at: Set(None),
        expires_at: Set(now + TimeDelta::days(days.into())),
    };
    let transaction = begin_write(&accounts.db).await?;
    // Checked again under the lock: a key must not survive a reset or deactivation that happens now.
    let owner = user::Entity::find_by_id(caller.user.id).lock_exclusive().one(&transaction).await?;
    if !owner.is_some_and(|owner| owner.is_active) {
        return Err(Error::Unauthorized);
    }
    reauthentication.confirm(accounts, &transaction).await?;
    let row = insert(&transaction, row).await.map_err(super::user::user_deleted)?;
    let detail = Some(format!("key {}", row.id));
    let event = Event { detail, ..Event::by_user(AuditKind::ApiKeyCreated, row.user_id, caller.client) };
    audit_event::record(&transaction, now, event).await?;
    transaction.commit().await?;
    Ok(ApiKeyCreated { key, api_key: read_model(row) })
}

/// Days until a new key expires: as requested, or the maximum.
fn lifetime_days(max: u32, requested: Option<u32>) -> Result<u32> {
    match requested {
        Some(days) if days > max => {
            let loc = vec!["body".into(), "expires_in_days".into()];
            Err(Error::Invalid(vec![Problem::too_large(loc, max)]))
        }
        Some(days) => Ok(days),
        None => Ok(max),
    }
}

/// A page of the user's keys, newest first.
pub async fn list(db: &impl ConnectionTrait, user: &User, paging: Paging) -> Result<ApiKeyPage> {
    let own = Entity::find().filter(Column::UserId.eq(user.id));
    let position = |key: &Model| (key.created_at, key.id);
    let page = newest_first(db, own, (Column::CreatedAt, Column::Id), position, paging).await?;
    Ok(page.map(read_model))
}

/// Revokes one of the user's keys.
///
/// # Errors
/// 404 if the user has no such key.
pub async fn revoke(accounts: &AccountContext, client: &Client, user: &User, id: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    let revoked = Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::UserId.eq(user.id)).exec(&transaction);
    if revoked.await?.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    let detail = Some(format!("key {id}"));
    let event = Event { detail, ..Event::by_user(AuditKind::ApiKeyRevoked, user.id, client) };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.invalidate(user.id);
    Ok(())
}

// only with jobs
/// Revokes all keys of the user inside the given transaction, for a reset by a mailed link. After the commit the caller
/// has to call `PrincipalCache::invalidate`.
pub(super) async fn revoke_all(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    client: &Client,
    user: Uuid,
) -> Result<()> {
    let revoked = Entity::delete_many().filter(Column::UserId.eq(user)).exec(transaction).await?.rows_affected;
    if revoked > 0 {
        let detail = Some(format!("{revoked} keys"));
        let event = Event { kind: AuditKind::ApiKeyRevoked, user: Some(user), actor: None, client, detail };
        audit_event::record(transaction, accounts.now(), event).await?;
    }
    Ok(())
}

/// Deletes expired keys. Returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}

// only with observability
// only with jobs
/// Counts the keys that expire within [`EXPIRES_SOON`].
///
/// # Errors
/// When the database cannot be reached.
pub async fn count_expiring(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::find().filter(Column::ExpiresAt.between(now, now + EXPIRES_SOON)).count(db).await?)
}
