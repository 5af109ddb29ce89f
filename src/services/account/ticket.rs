//! Tickets: browsers open WebSockets with them, because they cannot send headers with a WebSocket, and access tokens do
//! not belong in URLs.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::AccountContext;
use super::principal::SocketPrincipal;
use super::session;
use crate::core::clock::seconds_after;
use crate::core::database::{Db, begin_write};
use crate::core::security::{hash_secret, new_secret};
use crate::entities::ticket::{ActiveModel, Column, Entity};
use crate::error::{Error, Result};
use crate::schemas::ticket::TicketRead;

/// Seconds until a ticket expires.
const TTL: u32 = 30;

/// A new ticket of the session. The connection that it opens ends when the access token of this request expires.
///
/// # Errors
/// 401 if the session has ended since the request was authenticated.
pub async fn create(accounts: &AccountContext, session: Uuid, token_expires_at: DateTime<Utc>) -> Result<TicketRead> {
    let now = accounts.now();
    let ticket = new_secret();
    let row = ActiveModel {
        ticket_hash: Set(hash_secret(&ticket)),
        session_id: Set(session),
        token_expires_at: Set(token_expires_at),
        expires_at: Set(seconds_after(now, TTL)),
    };
    let transaction = begin_write(&accounts.db).await?;
    // Locks the session before its tickets, as the end of a session does, so that the two cannot deadlock.
    Entity::insert(row).exec_without_returning(&transaction).await.map_err(super::user::user_deleted)?;
    // Unused tickets would pile up until the next clean-up.
    let expired = Entity::delete_many().filter(Column::SessionId.eq(session)).filter(Column::ExpiresAt.lte(now));
    expired.exec(&transaction).await?;
    transaction.commit().await?;
    Ok(TicketRead { ticket, expires_in: TTL })
}

/// Uses up the ticket. Of concurrent uses, on any process, one succeeds.
///
/// # Errors
/// 401 for a ticket that is unknown, used or expired, or whose session has ended.
pub async fn redeem(accounts: &AccountContext, ticket: &str) -> Result<SocketPrincipal> {
    let now = accounts.now();
    let valid =
        Entity::delete_many().filter(Column::TicketHash.eq(hash_secret(ticket))).filter(Column::ExpiresAt.gt(now));
    let redeemed = valid.exec_with_returning(&accounts.db).await?;
    let redeemed = redeemed.into_iter().next().ok_or(Error::Unauthorized)?;
    let (session, user) = session::find_open(accounts, redeemed.session_id).await?;
    Ok(SocketPrincipal { user: user.id, session: session.id, token_expires_at: redeemed.token_expires_at })
}

/// Deletes expired tickets. Returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
