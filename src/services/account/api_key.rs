//! API keys: with which machines act for a user.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QuerySelect,
};
use uuid::Uuid;

use super::AccountContext;
use super::audit_event::{self, Event};
use super::principal::{Credential, Principal};
use super::session;
use crate::core::client::Client;
use crate::core::database::{Db, begin_write};
use crate::core::security::{API_KEY_PREFIX, hash_secret, new_secret};
use crate::entities::api_key::{ActiveModel, Column, Entity, Model};
use crate::entities::user;
use crate::error::{Error, Result};
use crate::schemas::api_key::{ApiKeyCreate, ApiKeyCreated, ApiKeyPage, ApiKeyRead};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::page::Paging;
use crate::schemas::scope::Scopes;
use crate::services::page::newest_first;

const NOT_FOUND: Error = Error::NotFound("API key not found");

/// The use of a key is written down once in so long.
const USE_RECORDED_EVERY: TimeDelta = TimeDelta::minutes(1);

fn read_model(key: Model) -> ApiKeyRead {
    let Model { id, user_id: _, name, scopes, key_hash: _, created_at, last_used_at, expires_at } = key;
    ApiKeyRead { id, name, scope: scopes, created_at, last_used_at, expires_at }
}

/// Who showed this key. One query, or none within the second; once a minute the use is written down.
///
/// # Errors
/// 401 for a key that is unknown, past or revoked, or whose user may not log in any more.
pub async fn authenticate(accounts: &AccountContext, client: &Client, key: &str) -> Result<Principal> {
    let key_hash = hash_secret(key);
    let credential = Credential::ApiKey(key_hash.clone());
    let asked = match accounts.principals.get(&credential) {
        Ok(caller) => return Ok(caller),
        Err(asked) => asked,
    };
    let now = accounts.now();
    let good = Condition::any().add(Column::ExpiresAt.is_null()).add(Column::ExpiresAt.gt(now));
    let found = Entity::find()
        .filter(Column::KeyHash.eq(key_hash))
        .filter(good)
        .find_also_related(user::Entity)
        .one(&accounts.db)
        .await?;
    let Some((key, Some(user))) = found else { return Err(Error::Unauthorized) };
    if !user.is_active {
        return Err(Error::Unauthorized);
    }
    let scopes = Scopes::try_from(key.scopes.as_str()).map_err(Error::internal)?;
    let caller = Principal { user: user.into(), scopes, session: None, token_expires_at: None };
    accounts.principals.remember(credential, caller.clone(), &asked);
    if key.last_used_at.is_none_or(|used| used + USE_RECORDED_EVERY <= now) {
        // After the answer: nobody waits for it, and it is no reason to refuse the request.
        let (accounts, client) = (accounts.clone(), client.clone());
        accounts.tasks.clone().spawn(async move {
            if let Err(error) = record_use(&accounts, &client, &key, now).await {
                tracing::warn!(%error, cause = error.cause(), "the use of a key could not be written down");
            }
        });
    }
    Ok(caller)
}

/// Of several requests at once one writes it down.
async fn record_use(accounts: &AccountContext, client: &Client, key: &Model, now: DateTime<Utc>) -> Result<()> {
    let not_lately =
        Condition::any().add(Column::LastUsedAt.is_null()).add(Column::LastUsedAt.lte(now - USE_RECORDED_EVERY));
    let transaction = begin_write(&accounts.db).await?;
    let recorded = Entity::update_many()
        .col_expr(Column::LastUsedAt, Expr::value(now))
        .filter(Column::Id.eq(key.id))
        .filter(not_lately)
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

/// A new key of the user, which is shown this once. `held` is what the session's tokens may be used for.
///
/// # Errors
/// 401 when the user was deleted or deactivated, or his session ended, in the meantime; 403 for a key that may do
/// more than the token.
pub async fn create(
    accounts: &AccountContext,
    client: &Client,
    (user, session): (Uuid, Uuid),
    held: Scopes,
    data: ApiKeyCreate,
) -> Result<ApiKeyCreated> {
    let ApiKeyCreate { name, scope, expires_in_days } = data;
    if !held.hold(scope.into()) {
        return Err(Error::InsufficientScope);
    }
    let now = accounts.now();
    let key = format!("{API_KEY_PREFIX}{}", new_secret());
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        user_id: Set(user),
        name: Set(name),
        scopes: Set(Scopes::from(scope).to_string()),
        key_hash: Set(hash_secret(&key)),
        created_at: Set(now),
        last_used_at: Set(None),
        expires_at: Set(expires_in_days.map(|days| now + TimeDelta::days(days.into()))),
    };
    let transaction = begin_write(&accounts.db).await?;
    // Once more, as of now: a reset or another process may have put him out, and the key would outlive that.
    let owner = user::Entity::find_by_id(user).lock_exclusive().one(&transaction).await?;
    if !owner.is_some_and(|owner| owner.is_active) {
        return Err(Error::Unauthorized);
    }
    session::still_open(&transaction, session).await?;
    let row = row.insert(&transaction).await.map_err(super::user::user_deleted)?;
    let detail = Some(format!("key {}", row.id));
    let event = Event { detail, ..Event::by_user(AuditKind::ApiKeyCreated, user, client) };
    audit_event::record(&transaction, now, event).await?;
    transaction.commit().await?;
    Ok(ApiKeyCreated { key, api_key: read_model(row) })
}

/// Some of the user's keys, newest first.
pub async fn list(db: &impl ConnectionTrait, user: Uuid, paging: Paging) -> Result<ApiKeyPage> {
    let own = Entity::find().filter(Column::UserId.eq(user));
    let position = |key: &Model| (key.created_at, key.id);
    let page = newest_first(db, own, (Column::CreatedAt, Column::Id), position, paging).await?;
    Ok(page.map(read_model))
}

/// Revokes one of the user's keys.
///
/// # Errors
/// 404 when it is not one of his.
pub async fn revoke(accounts: &AccountContext, client: &Client, user: Uuid, id: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    let revoked = Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::UserId.eq(user)).exec(&transaction);
    if revoked.await?.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    let detail = Some(format!("key {id}"));
    let event = Event { detail, ..Event::by_user(AuditKind::ApiKeyRevoked, user, client) };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.forget(user);
    Ok(())
}

/// Revokes all of the user's keys, inside the caller's transaction, on the strength of a mailed link. The caller forgets the
/// user afterwards.
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

/// Deletes expired rows, and gives their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
