//! What is past and kept by nobody.

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{idempotency, job};
use crate::core::database::Db;
use crate::entities::{api_key, session, ticket, user_token};
use crate::error::Result;

/// Deletes sessions, tickets, mailed links and API keys that have expired, and the record of finished jobs and of requests
/// that cannot come again. How many rows there were.
///
/// # Errors
/// When the database cannot be reached.
pub async fn run(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    let sessions = session::Entity::delete_many().filter(session::Column::ExpiresAt.lt(now)).exec(db).await?;
    let links = user_token::Entity::delete_many().filter(user_token::Column::ExpiresAt.lt(now)).exec(db).await?;
    let keys = api_key::Entity::delete_many().filter(api_key::Column::ExpiresAt.lt(now)).exec(db).await?;
    let tickets = ticket::Entity::delete_many().filter(ticket::Column::ExpiresAt.lt(now)).exec(db).await?;
    let rows = [sessions, links, keys, tickets].iter().map(|deleted| deleted.rows_affected).sum::<u64>();
    Ok(rows + idempotency::clean_up(db, now).await? + job::clean_up(db, now).await?)
}
