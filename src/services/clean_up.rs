//! What is past and kept by nobody.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{idempotency, job};
use crate::core::database::Db;
use crate::entities::{api_key, session, user_token};
use crate::error::Result;

/// Deletes sessions, mailed links and API keys that have expired, and the record of finished jobs and of requests
/// that cannot come again. How many rows there were.
///
/// # Errors
/// When the database cannot be reached.
pub async fn run(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    let sessions = session::Entity::delete_many().filter(session::Column::ExpiresAt.lt(now)).exec(db).await?;
    let links = user_token::Entity::delete_many().filter(user_token::Column::ExpiresAt.lt(now)).exec(db).await?;
    let keys = api_key::Entity::delete_many().filter(api_key::Column::ExpiresAt.lt(now)).exec(db).await?;
    let rows = sessions.rows_affected + links.rows_affected + keys.rows_affected;
    Ok(rows + idempotency::clean_up(db, now).await? + job::clean_up(db, now).await?)
}
