//! Links in mails: each good once, for one purpose and a while.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::core::security::{hash_secret, new_secret};
use crate::entities::user_token::{ActiveModel, Column, Entity, Model, Purpose};
use crate::error::{Error, Result};

/// What is answered for a link that is used, past, replaced, for something else, or no link of ours.
pub(super) const INVALID: Error = Error::BadRequest("Invalid token");

/// A new token, in place of the one that the user has for this purpose.
pub(super) async fn issue(
    transaction: &DatabaseTransaction,
    user: Uuid,
    purpose: Purpose,
    email: &str,
    expires_at: DateTime<Utc>,
) -> Result<String> {
    let token = new_secret()?;
    let same = Condition::all().add(Column::UserId.eq(user)).add(Column::Purpose.eq(purpose));
    Entity::delete_many().filter(same).exec(transaction).await?;
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        user_id: Set(user),
        purpose: Set(purpose),
        token_hash: Set(hash_secret(&token)),
        email: Set(email.to_owned()),
        expires_at: Set(expires_at),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(token)
}

fn good(token: &str, purpose: Purpose, now: DateTime<Utc>) -> Condition {
    Condition::all()
        .add(Column::TokenHash.eq(hash_secret(token)))
        .add(Column::Purpose.eq(purpose))
        .add(Column::ExpiresAt.gt(now))
}

/// What the token stands for, without using it up.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Option<Model>> {
    Ok(Entity::find().filter(good(token, purpose, now)).one(db).await?)
}

/// Uses the token up: of many who try at once one gets it.
pub(super) async fn take(
    transaction: &DatabaseTransaction,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<Model> {
    let deleted = Entity::delete_many().filter(good(token, purpose, now)).exec_with_returning(transaction).await?;
    deleted.into_iter().next().ok_or(INVALID)
}

/// Ends every link that was mailed to the user: password or address have changed.
pub(super) async fn revoke(transaction: &DatabaseTransaction, user: Uuid) -> Result<()> {
    Entity::delete_many().filter(Column::UserId.eq(user)).exec(transaction).await?;
    Ok(())
}

/// So many seconds from then.
pub(super) fn after(now: DateTime<Utc>, seconds: u32) -> DateTime<Utc> {
    now + TimeDelta::seconds(seconds.into())
}
