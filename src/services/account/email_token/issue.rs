//! Making the token of a requested link, when its mail is sent.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use crate::core::clock::seconds_after;
use crate::core::database::begin_write;
use crate::core::security::{hash_secret, new_secret};
use crate::entities::email_token::{ActiveModel, Column, Entity, Model};
use crate::entities::{email_token_hash, user as user_entity};
use crate::error::Result;
use crate::jobs::kinds::email_token::{EmailToken, Link};
use crate::schemas::audit_event::AuditKind;
use crate::services::account::AccountContext;
use crate::services::account::audit_event::{self, Event};
use crate::services::account::user::{self, User};

/// A link to be mailed now.
pub struct IssuedLink {
    /// The recipient.
    pub email: String,
    /// The token, which is stored nowhere.
    pub token: String,
    /// How long the link is valid, in seconds.
    pub valid_seconds: u32,
}

/// Makes a token for a requested link. `None` if the link has ended, or no user needs it.
///
/// Called once per attempt of the job. Tokens of earlier attempts stay valid, because their mails may have arrived.
///
/// # Errors
/// When the database cannot be reached.
pub async fn issue(accounts: &AccountContext, data: &EmailToken) -> Result<Option<IssuedLink>> {
    let now = accounts.now();
    let transaction = begin_write(&accounts.db).await?;
    let Some(requested) = find_requested(&transaction, data.id, now).await? else { return Ok(None) };
    let Some(user) = lock_recipient(&transaction, &requested, data.link).await? else { return Ok(None) };
    // Again, after locking the user: the link may have ended while this waited for the lock.
    let Some(requested) = find_requested(&transaction, data.id, now).await? else { return Ok(None) };
    let email = match requested.user_id {
        Some(_) => requested.email,
        None if assign(&transaction, &requested, &user).await? => {
            record_request(accounts, &transaction, &user, data).await?;
            user.email
        }
        None => return Ok(None),
    };
    let (token, valid_seconds) = (new_secret(), data.link.valid_seconds(accounts.settings()));
    let row = email_token_hash::ActiveModel { token_hash: Set(hash_secret(&token)), email_token_id: Set(data.id) };
    email_token_hash::Entity::insert(row).exec_without_returning(&transaction).await?;
    Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(seconds_after(now, valid_seconds)))
        .filter(Column::Id.eq(data.id))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(Some(IssuedLink { email, token, valid_seconds }))
}

// only with fastapi_dashboard
/// Makes a link without a mail, in the caller's transaction, which has locked the user. Their earlier link for the same
/// purpose ends.
pub(in crate::services::account) async fn issue_now(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    user: &User,
    link: Link,
) -> Result<IssuedLink> {
    let earlier = Condition::all().add(Column::UserId.eq(user.id)).add(Column::Purpose.eq(link.purpose()));
    Entity::delete_many().filter(earlier).exec(transaction).await?;
    let (id, token, valid_seconds) = (Uuid::now_v7(), new_secret(), link.valid_seconds(accounts.settings()));
    let row = ActiveModel {
        id: Set(id),
        user_id: Set(Some(user.id)),
        purpose: Set(link.purpose()),
        email: Set(user.email.clone()),
        expires_at: Set(seconds_after(accounts.now(), valid_seconds)),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    let row = email_token_hash::ActiveModel { token_hash: Set(hash_secret(&token)), email_token_id: Set(id) };
    email_token_hash::Entity::insert(row).exec_without_returning(transaction).await?;
    Ok(IssuedLink { email: user.email.clone(), token, valid_seconds })
}

async fn find_requested(transaction: &DatabaseTransaction, id: Uuid, now: DateTime<Utc>) -> Result<Option<Model>> {
    Ok(Entity::find_by_id(id).filter(Column::ExpiresAt.gt(now)).one(transaction).await?)
}

/// The user that the link is for, locked; `None` if there is none, or they do not need the link.
async fn lock_recipient(transaction: &DatabaseTransaction, requested: &Model, link: Link) -> Result<Option<User>> {
    let is_by_address = requested.user_id.is_none();
    let user = match requested.user_id {
        Some(user) => Some(user),
        None => user::find_by_login(transaction, &requested.email).await?.map(|user| user.id),
    };
    let Some(user) = user else { return Ok(None) };
    let user = user_entity::Entity::find_by_id(user).lock_exclusive().one(transaction).await?;
    let is_verified = |user: &User| link == Link::EmailVerification && is_by_address && user.email_verified;
    Ok(user.filter(|user| user.is_active && !is_verified(user)))
}

/// Makes a link that was requested by address the user's own, in place of their earlier one for the same purpose.
/// False if there is a later one. Ids are `UUIDv7`s, in the order of the requests.
async fn assign(transaction: &DatabaseTransaction, requested: &Model, user: &User) -> Result<bool> {
    let of_user = Condition::all().add(Column::UserId.eq(user.id)).add(Column::Purpose.eq(requested.purpose));
    let earlier = of_user.clone().add(Column::Id.lt(requested.id));
    Entity::delete_many().filter(earlier).exec(transaction).await?;
    if Entity::find().filter(of_user).one(transaction).await?.is_some() {
        return Ok(false);
    }
    let assigned = Entity::update_many()
        .col_expr(Column::UserId, Expr::value(user.id))
        .col_expr(Column::Email, Expr::value(&user.email))
        .filter(Column::Id.eq(requested.id))
        .exec(transaction)
        .await?;
    Ok(assigned.rows_affected > 0)
}

async fn record_request(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    user: &User,
    data: &EmailToken,
) -> Result<()> {
    if data.link != Link::PasswordRecovery {
        return Ok(());
    }
    let (kind, client) = (AuditKind::PasswordResetRequested, &data.client);
    let event = Event { kind, user: Some(user.id), actor: None, client, detail: None };
    audit_event::record(transaction, accounts.now(), event).await
}
