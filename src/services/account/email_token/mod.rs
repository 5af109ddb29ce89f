//! Links in mails: each valid once, for one purpose and a limited time.
//!
//! A request adds a row to `email_tokens` and queues the job that mails the link. The job makes a random token, stores
//! its hash and sends it. Whatever ends a link deletes the row: then no token that was mailed works any more, and a job
//! that has not run yet mails nothing.

mod issue;
mod request;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, Func, Query};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

pub(super) use issue::issue_now; // only with fastapi_dashboard
pub use issue::{IssuedLink, issue};
pub(super) use request::{LinkRequest, request_for_address, request_for_user};

use crate::core::config::AuthSettings;
use crate::core::database::Db;
use crate::core::security::hash_secret;
use crate::entities::email_token::{Column, Entity, Model, Purpose};
use crate::entities::{email_token_hash, user};
use crate::error::{Error, Result};
use crate::jobs::kinds::email_token::Link;

/// The error for a link that is used, expired, replaced, for another purpose, or unknown.
pub(super) const INVALID: Error = Error::BadRequest("Invalid token");

impl Link {
    fn purpose(self) -> Purpose {
        match self {
            Self::EmailVerification => Purpose::VerifyEmail,
            Self::NewAccount | Self::PasswordRecovery => Purpose::ResetPassword,
        }
    }

    fn valid_seconds(self, settings: &AuthSettings) -> u32 {
        match self {
            Self::EmailVerification | Self::NewAccount => settings.verification_token_seconds,
            Self::PasswordRecovery => settings.reset_token_seconds,
        }
    }
}

/// A link that a client has followed.
pub(super) struct FollowedLink {
    id: Uuid,
    pub(super) user: Uuid,
    pub(super) email: String,
}

/// The link with this token, without using it.
///
/// # Errors
/// 400 for every text that is not a valid token for this purpose.
pub(super) async fn find(
    db: &impl ConnectionTrait,
    token: &str,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<FollowedLink> {
    let found = email_token_hash::Entity::find_by_id(hash_secret(token))
        .find_also_related(Entity)
        .filter(Column::Purpose.eq(purpose))
        .filter(Column::ExpiresAt.gt(now))
        .one(db)
        .await?;
    match found {
        Some((_, Some(Model { id, user_id: Some(user), email, .. }))) => Ok(FollowedLink { id, user, email }),
        _ => Err(INVALID),
    }
}

/// Uses the link. Of several concurrent calls one succeeds.
///
/// # Errors
/// 400 if the link has ended since it was found.
pub(super) async fn consume(transaction: &DatabaseTransaction, link: &FollowedLink) -> Result<()> {
    let deleted = Entity::delete_by_id(link.id).exec(transaction).await?;
    if deleted.rows_affected == 0 { Err(INVALID) } else { Ok(()) }
}

/// Ends the link that would change the user's address to another one.
pub(super) async fn cancel_change(transaction: &DatabaseTransaction, user: &user::Model) -> Result<()> {
    let change = Condition::all()
        .add(Column::UserId.eq(user.id))
        .add(Column::Purpose.eq(Purpose::VerifyEmail))
        .add(Column::Email.ne(&user.email));
    Entity::delete_many().filter(change).exec(transaction).await?;
    Ok(())
}

/// Ends all links of the user, and those requested for their address that are not mailed yet.
pub(super) async fn revoke(transaction: &DatabaseTransaction, user: Uuid) -> Result<()> {
    let address = Query::select()
        .expr(Func::lower(Expr::col(user::Column::Email)))
        .from(user::Entity)
        .and_where(user::Column::Id.eq(user))
        .to_owned();
    let by_address = Condition::all().add(Column::UserId.is_null()).add(Column::Email.in_subquery(address));
    let of_user = Condition::any().add(Column::UserId.eq(user)).add(by_address);
    Entity::delete_many().filter(of_user).exec(transaction).await?;
    Ok(())
}

/// Deletes expired rows, and returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
