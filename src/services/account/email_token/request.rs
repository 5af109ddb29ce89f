//! Requests a link.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter};
use uuid::Uuid;

use crate::core::client::Client;
use crate::core::clock::seconds_after;
use crate::core::database::begin_write;
use crate::entities::email_token::{ActiveModel, Column, Entity};
use crate::error::Result;
use crate::jobs::kinds::Job;
use crate::jobs::kinds::email_token::{EmailToken, Link};
use crate::jobs::queue;
use crate::services::account::AccountContext;

/// A link to be mailed.
#[derive(Clone, Copy)]
pub(in crate::services::account) struct LinkRequest<'a> {
    /// The recipient: a user's current or new address, or an address that a client entered.
    pub email: &'a str,
    pub link: Link,
    /// Where the request comes from.
    pub client: &'a Client,
}

/// Requests a link in the caller's transaction. The caller has locked the user, and wakes the workers after the commit.
/// The user's earlier link for the same purpose ends.
pub(in crate::services::account) async fn request_for_user(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    user: Uuid,
    request: LinkRequest<'_>,
) -> Result<()> {
    let earlier = Condition::all().add(Column::UserId.eq(user)).add(Column::Purpose.eq(request.link.purpose()));
    Entity::delete_many().filter(earlier).exec(transaction).await?;
    add(accounts, transaction, Some(user), request).await
}

/// Requests a link for the user with this address. The job finds out whether there is one, so that the request does the
/// same work for every address.
///
/// # Errors
/// When the database cannot be reached.
pub(in crate::services::account) async fn request_for_address(
    accounts: &AccountContext,
    request: LinkRequest<'_>,
) -> Result<()> {
    let email = request.email.to_ascii_lowercase();
    let transaction = begin_write(&accounts.db).await?;
    let earlier = Condition::all()
        .add(Column::UserId.is_null())
        .add(Column::Email.eq(&email))
        .add(Column::Purpose.eq(request.link.purpose()));
    Entity::delete_many().filter(earlier).exec(&transaction).await?;
    add(accounts, &transaction, None, LinkRequest { email: &email, ..request }).await?;
    transaction.commit().await?;
    accounts.job_signal.notify();
    Ok(())
}

async fn add(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    user: Option<Uuid>,
    request: LinkRequest<'_>,
) -> Result<()> {
    let LinkRequest { email, link, client } = request;
    let (id, now) = (Uuid::now_v7(), accounts.now());
    let row = ActiveModel {
        id: Set(id),
        user_id: Set(user),
        purpose: Set(link.purpose()),
        email: Set(email.to_owned()),
        expires_at: Set(seconds_after(now, link.valid_seconds(accounts.settings()))),
    };
    Entity::insert(row).exec_without_returning(transaction).await?;
    let job = Job::EmailToken(EmailToken { id, link, client: client.clone() });
    queue::enqueue(transaction, &job, now).await?;
    Ok(())
}
