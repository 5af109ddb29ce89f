//! Sessions: opened by a login, refreshed, listed and ended.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QuerySelect,
};
use uuid::Uuid;

use super::AccountContext;
use super::audit_event::{self, Event};
use super::email_token::{self, after};
use super::principal::{Credential, Principal};
use crate::core::client::Client;
use crate::core::config::AuthSettings;
use crate::core::database::{Db, begin_write};
use crate::core::security::{Claims, RefreshToken};
use crate::entities::session::{ActiveModel, Column, Entity, Model};
use crate::entities::user;
use crate::error::{Error, Result};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::login::Token;
use crate::schemas::page::Paging;
use crate::schemas::scope::Scopes;
use crate::schemas::session::{SessionPage, SessionRead};
use crate::services::page::newest_first;

const NOT_FOUND: Error = Error::NotFound("Session not found");

/// When a session ends that is used now: by resting too long, or in any case.
fn expiry(settings: &AuthSettings, created_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    after(now, settings.refresh_token_seconds).min(after(created_at, settings.session_seconds))
}

/// A new session, and its first tokens. Runs inside the transaction of the login.
pub(super) async fn open(
    accounts: &AccountContext,
    transaction: &DatabaseTransaction,
    user: Uuid,
    scopes: Scopes,
    client: &Client,
) -> Result<Token> {
    let now = accounts.now();
    let refresh_token = RefreshToken::random();
    let session = ActiveModel {
        id: Set(Uuid::now_v7()),
        user_id: Set(user),
        scopes: Set(scopes.to_string()),
        user_agent: Set(client.user_agent.clone()),
        address: Set(client.address.map(|address| address.to_string())),
        family_hash: Set(refresh_token.family_hash()),
        refresh_hash: Set(refresh_token.secret_hash()),
        previous_hash: Set(None),
        created_at: Set(now),
        last_used_at: Set(now),
        expires_at: Set(expiry(accounts.settings(), now, now)),
    };
    let session = session.insert(transaction).await?;
    pair(accounts, &session, &refresh_token)
}

fn pair(accounts: &AccountContext, session: &Model, refresh_token: &RefreshToken) -> Result<Token> {
    let scope = session.scopes.clone();
    let access =
        accounts.tokens.issue(session.user_id, session.id, scope.clone(), accounts.now()).map_err(Error::internal)?;
    Ok(Token {
        access_token: access.text,
        token_type: "bearer".to_owned(),
        expires_in: access.expires_in,
        refresh_token: refresh_token.text(),
        scope,
    })
}

/// Who showed an access token that says this. One query, or none within the second.
///
/// # Errors
/// 401 when the session has ended, or its user may not log in any more.
pub async fn authenticate(accounts: &AccountContext, claims: &Claims) -> Result<Principal> {
    let credential = Credential::Session(claims.sid);
    let says = |caller: Principal| {
        let is_his = caller.user.id == claims.sub && Scopes::try_from(claims.scope.as_str()) == Ok(caller.scopes);
        // Of this token: another one of the session may be remembered.
        let token_expires_at = DateTime::from_timestamp(claims.exp, 0);
        if is_his { Ok(Principal { token_expires_at, ..caller }) } else { Err(Error::Unauthorized) }
    };
    let asked = match accounts.principals.get(&credential) {
        Ok(caller) => return says(caller),
        Err(asked) => asked,
    };
    let (session, user) = find_open(accounts, claims.sid).await?;
    let scopes = Scopes::try_from(session.scopes.as_str()).map_err(Error::internal)?;
    let caller = Principal { user: user.into(), scopes, session: Some(session.id), token_expires_at: None };
    accounts.principals.remember(credential, caller.clone(), &asked);
    says(caller)
}

/// The session and its user.
///
/// # Errors
/// 401 when the session has ended, or its user may not log in any more.
pub(super) async fn find_open(accounts: &AccountContext, id: Uuid) -> Result<(Model, user::Model)> {
    let found = Entity::find_by_id(id)
        .filter(Column::ExpiresAt.gt(accounts.now()))
        .find_also_related(user::Entity)
        .one(&accounts.db)
        .await?;
    match found {
        Some((session, Some(user))) if user.is_active => Ok((session, user)),
        _ => Err(Error::Unauthorized),
    }
}

/// Which of these sessions have not ended, with users who may log in. One query.
pub async fn open_among(accounts: &AccountContext, ids: &[Uuid]) -> Result<HashSet<Uuid>> {
    let open = Entity::find()
        .select_only()
        .column(Column::Id)
        .inner_join(user::Entity)
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::ExpiresAt.gt(accounts.now()))
        .filter(user::Column::IsActive.eq(true))
        .into_tuple()
        .all(&accounts.db)
        .await?;
    Ok(open.into_iter().collect())
}

/// What the log and limits may know of a refresh token: its session, hashed.
#[must_use]
pub fn family(text: &str) -> Option<String> {
    RefreshToken::parse(text).map(|token| token.family_hash())
}

/// The next pair of tokens. A token that was spent a moment ago, because its answer was lost, is answered with the
/// same refresh token again; one that was spent earlier is in two hands, and ends the session.
///
/// # Errors
/// 401 for every token but the newest of a session that has not ended.
pub async fn refresh(accounts: &AccountContext, client: &Client, text: &str) -> Result<Token> {
    let token = RefreshToken::parse(text).ok_or(Error::Unauthorized)?;
    let (now, settings) = (accounts.now(), accounts.settings());
    let transaction = begin_write(&accounts.db).await?;
    let session = Entity::find()
        .filter(Column::FamilyHash.eq(token.family_hash()))
        .lock_exclusive()
        .one(&transaction)
        .await?
        .ok_or(Error::Unauthorized)?;
    let user = user::Entity::find_by_id(session.user_id).one(&transaction).await?;
    if session.expires_at <= now || !user.is_some_and(|user| user.is_active) {
        return Err(Error::Unauthorized);
    }
    let next = accounts.tokens.refresh(&token);
    let shown = token.secret_hash();
    if shown == session.refresh_hash {
        let change = ActiveModel {
            refresh_hash: Set(next.secret_hash()),
            previous_hash: Set(Some(shown)),
            last_used_at: Set(now),
            expires_at: Set(expiry(settings, session.created_at, now)),
            ..session.into()
        };
        let session = change.update(&transaction).await?;
        transaction.commit().await?;
        return pair(accounts, &session, &next);
    }
    let was_just_spent = session.previous_hash.as_ref() == Some(&shown)
        && next.secret_hash() == session.refresh_hash
        && now < after(session.last_used_at, settings.refresh_grace_seconds);
    if was_just_spent {
        return pair(accounts, &session, &next);
    }
    Entity::delete_by_id(session.id).exec(&transaction).await?;
    let event = Event {
        kind: AuditKind::RefreshReused,
        user: Some(session.user_id),
        actor: None,
        client,
        detail: Some(format!("session {}", session.id)),
    };
    audit_event::record(&transaction, now, event).await?;
    transaction.commit().await?;
    accounts.principals.forget(session.user_id);
    Err(Error::Unauthorized)
}

/// Some of the caller's sessions, newest first.
pub async fn list(
    db: &impl ConnectionTrait,
    user: Uuid,
    current: Uuid,
    now: DateTime<Utc>,
    paging: Paging,
) -> Result<SessionPage> {
    let open = Entity::find().filter(Column::UserId.eq(user)).filter(Column::ExpiresAt.gt(now));
    let position = |session: &Model| (session.created_at, session.id);
    let page = newest_first(db, open, (Column::CreatedAt, Column::Id), position, paging).await?;
    let read = |session: Model| SessionRead {
        is_current: session.id == current,
        id: session.id,
        user_agent: session.user_agent,
        address: session.address,
        scope: session.scopes,
        created_at: session.created_at,
        last_used_at: session.last_used_at,
        expires_at: session.expires_at,
    };
    Ok(page.map(read))
}

/// The session, inside the caller's transaction, which has locked its user: whoever ends sessions has done so by then,
/// or waits.
///
/// # Errors
/// 401 when it has ended since the request came in.
pub(super) async fn still_open(transaction: &DatabaseTransaction, id: Uuid) -> Result<Model> {
    Entity::find_by_id(id).one(transaction).await?.ok_or(Error::Unauthorized)
}

/// Whether the session's login was a moment ago.
pub(super) fn is_recent(accounts: &AccountContext, session: &Model) -> bool {
    accounts.now() < after(session.created_at, accounts.settings().recent_login_seconds)
}

/// Ends one of the user's sessions.
///
/// # Errors
/// 404 when it is not one of his.
pub async fn end(accounts: &AccountContext, client: &Client, user: Uuid, id: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    let ended = Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::UserId.eq(user)).exec(&transaction);
    if ended.await?.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    let event = Event { detail: Some(format!("session {id}")), ..Event::by_user(AuditKind::Logout, user, client) };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.forget(user);
    Ok(())
}

/// Ends all of the user's sessions.
///
/// # Errors
/// When the database cannot be reached.
pub async fn end_all(accounts: &AccountContext, client: &Client, user: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    end_others(&transaction, user, None).await?;
    // Somebody who had come in may have asked for links.
    email_token::revoke(&transaction, user).await?;
    let event = Event { detail: Some("all sessions".to_owned()), ..Event::by_user(AuditKind::Logout, user, client) };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.forget(user);
    Ok(())
}

/// Ends the user's sessions but one, inside the caller's transaction. The caller forgets the user afterwards.
pub(super) async fn end_others(transaction: &DatabaseTransaction, user: Uuid, kept: Option<Uuid>) -> Result<()> {
    let others = Condition::all().add(Column::UserId.eq(user)).add_option(kept.map(|kept| Column::Id.ne(kept)));
    Entity::delete_many().filter(others).exec(transaction).await?;
    Ok(())
}

/// Deletes expired rows, and gives their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
