//! Tickets: with which a browser opens a socket, because it can send no headers there and an access token does not
//! belong into an address.

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

/// Seconds for which a ticket is good.
const TTL: u32 = 30;

/// A new ticket of the session. The socket that it opens ends with the access token that asks for it.
///
/// # Errors
/// 401 when the session has ended in the meantime.
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
    // Those that nobody came back with.
    let past = Entity::delete_many().filter(Column::SessionId.eq(session)).filter(Column::ExpiresAt.lte(now));
    past.exec(&transaction).await?;
    Entity::insert(row).exec_without_returning(&transaction).await.map_err(super::user::user_deleted)?;
    transaction.commit().await?;
    Ok(TicketRead { ticket, expires_in: TTL })
}

/// Uses the ticket up, and says whom it lets in: of many who try at once, on whichever process, one.
///
/// # Errors
/// 401 for a ticket that is used, past or none, and for one whose session has ended.
pub async fn redeem(accounts: &AccountContext, ticket: &str) -> Result<SocketPrincipal> {
    let now = accounts.now();
    let good =
        Entity::delete_many().filter(Column::TicketHash.eq(hash_secret(ticket))).filter(Column::ExpiresAt.gt(now));
    let taken = good.exec_with_returning(&accounts.db).await?;
    let taken = taken.into_iter().next().ok_or(Error::Unauthorized)?;
    let (session, user) = session::find_open(accounts, taken.session_id).await?;
    Ok(SocketPrincipal { user: user.id, session: session.id, until: taken.token_expires_at })
}

/// Deletes expired rows, and gives their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
