//! Executes a request once, even if it is sent several times.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::core::database::{Db, begin_write};
use crate::entities::idempotency_key::{ActiveModel, Column, Entity};
use crate::error::{Error, Result};
use crate::validation::schema::Problem;

/// The request header that carries the client's key, as the document spells it.
pub const HEADER: &str = "Idempotency-Key";

/// Identifies a request that a client may send again.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The hash of the client's key, which may be long.
    pub key_hash: String,
    /// A keyed hash of method, path and body.
    pub fingerprint: String,
}

/// How long a response is stored.
const RETENTION: TimeDelta = TimeDelta::hours(24);

/// Runs `work` in a transaction of its own. With a key the outcome is stored in the same transaction, and a repeated
/// request gets the stored outcome, even after a crash before the response, and for concurrent requests. A failed
/// request stores nothing and may be sent again.
///
/// A stored outcome that does not parse, because another version has stored it, is replaced: `work` runs again.
///
/// # Errors
/// Those of `work`; 422 for a different request with the same key.
pub(super) async fn once<T: Serialize + DeserializeOwned>(
    db: &Db,
    user: Uuid,
    key: Option<IdempotencyKey>,
    now: DateTime<Utc>,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T>,
) -> Result<T> {
    let transaction = begin_write(db).await?;
    if let Some(key) = &key
        && let Some(stored) = claim(&transaction, user, key, now).await?
    {
        match serde_json::from_str(&stored) {
            Ok(outcome) => return Ok(outcome),
            Err(error) => tracing::warn!(%error, "a stored response does not parse; the request is executed again"),
        }
    }
    let outcome = work(&transaction).await?;
    if let Some(key) = &key {
        let response = serde_json::to_string(&outcome).map_err(Error::internal)?;
        let update = Entity::update_many().col_expr(Column::Response, Expr::value(response));
        update.filter(of(user, key)).exec(&transaction).await?;
    }
    transaction.commit().await?;
    Ok(outcome)
}

// only with notifications
/// Whether the outcome of this request is stored, so that sending it again executes nothing.
///
/// # Errors
/// When the database cannot be reached.
pub async fn is_repeated(db: &Db, user: Uuid, key: Option<&IdempotencyKey>, now: DateTime<Utc>) -> Result<bool> {
    let Some(key) = key else { return Ok(false) };
    let stored = of(user, key).add(Column::Fingerprint.eq(&key.fingerprint)).add(Column::CreatedAt.gt(now - RETENTION));
    Ok(Entity::find().filter(stored).count(db).await? > 0)
}

/// Deletes expired responses. Returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::CreatedAt.lte(now - RETENTION)).exec(db).await?.rows_affected)
}

fn of(user: Uuid, key: &IdempotencyKey) -> Condition {
    Condition::all().add(Column::UserId.eq(user)).add(Column::KeyHash.eq(&key.key_hash))
}

/// Claims the key. Returns the stored response if it was claimed before. On PostgreSQL a concurrent request waits at
/// the constraint until the first one has committed or rolled back; on SQLite it waits to begin.
async fn claim(
    transaction: &DatabaseTransaction,
    user: Uuid,
    key: &IdempotencyKey,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let expired = of(user, key).add(Column::CreatedAt.lte(now - RETENTION));
    Entity::delete_many().filter(expired).exec(transaction).await?;
    let row = ActiveModel {
        user_id: Set(user),
        key_hash: Set(key.key_hash.clone()),
        fingerprint: Set(key.fingerprint.clone()),
        response: Set(String::new()),
        created_at: Set(now),
    };
    let on_conflict = OnConflict::columns([Column::UserId, Column::KeyHash]).do_nothing().to_owned();
    let inserted = Entity::insert(row).on_conflict(on_conflict).exec_without_returning(transaction).await;
    if inserted.map_err(super::account::user::user_deleted)? > 0 {
        return Ok(None);
    }
    // Locked, so that only one of several concurrent requests replaces a response that does not parse.
    let found = Entity::find().filter(of(user, key)).lock_exclusive().one(transaction).await?;
    match found {
        Some(found) if found.fingerprint == key.fingerprint => Ok(Some(found.response)),
        _ => Err(Error::Invalid(vec![Problem::value_error(
            vec!["header".into(), HEADER.into()],
            "The key was used for another request",
        )])),
    }
}
