//! Links in mails: each good once, for one purpose and a while.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::AccountContext;
use crate::core::config::AuthSettings;
use crate::core::database::Db;
use crate::core::security::hash_secret;
use crate::entities::email_token::{ActiveModel, Column, Entity, Model, Purpose};
use crate::error::{Error, Result};
use crate::jobs::kinds::Job;
use crate::jobs::kinds::link_mail::{LinkMail, LinkTemplate};
use crate::jobs::queue;

/// What is answered for a link that is used, past, replaced, for something else, or no link of ours.
pub(super) const INVALID: Error = Error::BadRequest("Invalid token");

/// What the link in such a mail is for, and for how many seconds it is good.
fn terms(settings: &AuthSettings, template: LinkTemplate) -> (Purpose, u32) {
    match template {
        LinkTemplate::EmailVerification => (Purpose::VerifyEmail, settings.verification_token_seconds),
        LinkTemplate::NewAccount => (Purpose::ResetPassword, settings.verification_token_seconds),
        LinkTemplate::PasswordRecovery => (Purpose::ResetPassword, settings.reset_token_seconds),
    }
}

/// Mails a new link to this address, in place of the one that the user has for the same purpose. Written inside the
/// caller's transaction, who wakes the workers once that is committed.
pub(super) async fn mail_link(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    user: Uuid,
    email: &str,
    template: LinkTemplate,
) -> Result<()> {
    let (purpose, seconds) = terms(accounts.settings(), template);
    let same = Condition::all().add(Column::UserId.eq(user)).add(Column::Purpose.eq(purpose));
    Entity::delete_many().filter(same).exec(transaction).await?;
    let link = Uuid::now_v7();
    let now = accounts.now();
    let row = ActiveModel {
        id: Set(link),
        user_id: Set(user),
        purpose: Set(purpose),
        token_hash: Set(hash_secret(accounts.tokens.link(link))),
        email: Set(email.to_owned()),
        expires_at: Set(after(now, seconds)),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    queue::enqueue(transaction, &Job::LinkMail(LinkMail { link, template }), now).await?;
    Ok(())
}

/// A link that is still good, as it is mailed.
pub struct OpenLink {
    /// Where to.
    pub email: String,
    /// The token.
    pub token: String,
    /// For how many seconds a new one is good.
    pub seconds: u32,
}

/// The link that [`mail_link`] has made, unless it is used, past or replaced.
///
/// # Errors
/// When the database cannot be reached.
pub async fn open(accounts: &AccountContext, data: LinkMail) -> Result<Option<OpenLink>> {
    let Some(row) = Entity::find_by_id(data.link).one(&accounts.db).await? else { return Ok(None) };
    let (_, seconds) = terms(accounts.settings(), data.template);
    // The secret key may be another one since.
    let token = accounts.tokens.links(row.id).find(|token| hash_secret(token) == row.token_hash);
    Ok(token.filter(|_| row.expires_at > accounts.now()).map(|token| OpenLink { email: row.email, token, seconds }))
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

/// Deletes expired rows, and gives their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
