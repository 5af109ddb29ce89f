//! Doing a request once, however often it is sent.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::core::database::{Db, begin_write};
use crate::entities::idempotency_key::{ActiveModel, Column, Entity};
use crate::error::{Error, Result};
use crate::validation::schema::Problem;

/// What identifies a request that a client may repeat.
#[derive(Debug, Clone)]
pub struct IdempotencyKey {
    /// The hash of the key that the client chose, which may be long.
    pub key_hash: String,
    /// A keyed hash of method, path and body.
    pub fingerprint: String,
}

/// How long an answer is kept.
const RETENTION: TimeDelta = TimeDelta::hours(24);

/// Runs `work` in a transaction of its own. Under a key the outcome is written down in the same transaction, and a
/// request that comes again is given it instead: also when the process ended before it could answer, and when a
/// hundred come at once. What fails leaves nothing behind, and may be tried again.
///
/// # Errors
/// Those of `work`; 422 for another request under the same key.
pub(super) async fn once<T: Serialize + DeserializeOwned>(
    db: &Db,
    user: Uuid,
    key: Option<IdempotencyKey>,
    now: DateTime<Utc>,
    work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T>,
) -> Result<T> {
    let transaction = begin_write(db).await?;
    if let Some(key) = &key
        && let Some(answer) = earlier(&transaction, user, key, now).await?
    {
        return serde_json::from_str(&answer).map_err(Error::internal);
    }
    let outcome = work(&transaction).await?;
    if let Some(key) = &key {
        let answer = serde_json::to_string(&outcome).map_err(Error::internal)?;
        Entity::update_many()
            .col_expr(Column::Answer, Expr::value(answer))
            .filter(is(user, key))
            .exec(&transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(outcome)
}

/// Deletes the answers of requests that cannot be repeated any more, and gives their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::CreatedAt.lte(now - RETENTION)).exec(db).await?.rows_affected)
}

fn is(user: Uuid, key: &IdempotencyKey) -> Condition {
    Condition::all().add(Column::UserId.eq(user)).add(Column::KeyHash.eq(&key.key_hash))
}

/// The answer of the request that was done under this key, or `None` after taking the key. On PostgreSQL a second
/// request waits at the constraint until the first one is committed or given up; on SQLite it waits to begin.
async fn earlier(
    transaction: &DatabaseTransaction,
    user: Uuid,
    key: &IdempotencyKey,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let past = is(user, key).add(Column::CreatedAt.lte(now - RETENTION));
    Entity::delete_many().filter(past).exec(transaction).await?;
    let row = ActiveModel {
        user_id: Set(user),
        key_hash: Set(key.key_hash.clone()),
        fingerprint: Set(key.fingerprint.clone()),
        answer: Set(String::new()),
        created_at: Set(now),
    };
    let unless_there = OnConflict::columns([Column::UserId, Column::KeyHash]).do_nothing().to_owned();
    let inserted = Entity::insert(row).on_conflict(unless_there).exec_without_returning(transaction).await;
    if inserted.map_err(super::account::user::user_deleted)? > 0 {
        return Ok(None);
    }
    let found = Entity::find().filter(is(user, key)).one(transaction).await?;
    match found {
        Some(found) if found.fingerprint == key.fingerprint => Ok(Some(found.answer)),
        _ => Err(Error::Invalid(vec![Problem::value_error(
            vec!["header".into(), "Idempotency-Key".into()],
            "The key was used for another request",
        )])),
    }
}
