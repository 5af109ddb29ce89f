//! Sessions: opened by a login, refreshed, listed and ended.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::AccountContext;
use super::audit_event::{self, Event};
use super::email_token;
use super::principal::{Credential, Principal};
use super::user::User;
use crate::core::client::Client;
use crate::core::clock::seconds_after;
use crate::core::config::AuthSettings;
use crate::core::database::{Db, begin_write, insert, update};
use crate::core::security::{Claims, RefreshToken, TokenSubject};
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

/// When a session that is used now expires: at the end of its lifetime, or earlier if it is not used again.
fn expiry(settings: &AuthSettings, created_at: DateTime<Utc>, now: DateTime<Utc>) -> DateTime<Utc> {
    seconds_after(now, settings.refresh_token_seconds).min(seconds_after(created_at, settings.session_seconds))
}

/// Opens a session and issues its first tokens, inside the login's transaction.
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
    let session = insert(transaction, session).await?;
    token_pair(accounts, &session, &refresh_token)
}

fn token_pair(accounts: &AccountContext, session: &Model, refresh_token: &RefreshToken) -> Result<Token> {
    let scope = session.scopes.clone();
    let subject = TokenSubject { user: session.user_id, session: session.id, scope: scope.clone() };
    let access = accounts.tokens.issue(subject, accounts.now()).map_err(Error::internal)?;
    Ok(Token {
        access_token: access.text,
        token_type: "bearer".to_owned(),
        expires_in: access.expires_in,
        refresh_token: refresh_token.text(),
        scope,
    })
}

/// The principal of an access token with these claims. At most one query.
///
/// # Errors
/// 401 if the session has ended, or its user is not active.
pub async fn authenticate(accounts: &AccountContext, claims: &Claims) -> Result<Principal> {
    let credential = Credential::Session(claims.sid);
    let lookup = match accounts.principals.get(&credential) {
        Ok(principal) => return with_claims(principal, claims),
        Err(lookup) => lookup,
    };
    let (session, user) = find_open(accounts, claims.sid).await?;
    let scopes = Scopes::known(&session.scopes);
    let principal = Principal { user: user.into(), scopes, session: Some(session.id), token_expires_at: None };
    accounts.principals.insert(credential, principal.clone(), &lookup);
    with_claims(principal, claims)
}

/// Adds the token's expiry to the session's principal, if user and scopes of the token are those of the session.
fn with_claims(principal: Principal, claims: &Claims) -> Result<Principal> {
    if principal.user.id != claims.sub || principal.scopes != Scopes::known(&claims.scope) {
        return Err(Error::Unauthorized);
    }
    Ok(Principal { token_expires_at: DateTime::from_timestamp(claims.exp, 0), ..principal })
}

/// The session and its user.
///
/// # Errors
/// 401 if the session has ended, or its user is not active.
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

// only with realtime
/// Which of these sessions are open and belong to active users. One query.
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

/// The hash that identifies the session of a refresh token, for rate limits. `None` if the text is not a refresh token.
#[must_use]
pub fn family(text: &str) -> Option<String> {
    RefreshToken::parse(text).map(|token| token.family_hash())
}

/// The next pair of tokens. The refresh token is used up. Sent again within `auth.refresh_grace_seconds`, because the
/// response was lost, it gets the same next token. Sent again later, it was probably stolen, and the session ends.
///
/// # Errors
/// 401 for any token but the newest of an open session.
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
    let token_hash = token.secret_hash();
    if token_hash == session.refresh_hash {
        let change = ActiveModel {
            refresh_hash: Set(next.secret_hash()),
            previous_hash: Set(Some(token_hash)),
            last_used_at: Set(now),
            expires_at: Set(expiry(settings, session.created_at, now)),
            ..session.into()
        };
        let session = update(&transaction, change).await?;
        transaction.commit().await?;
        return token_pair(accounts, &session, &next);
    }
    let is_in_grace = session.previous_hash.as_ref() == Some(&token_hash)
        && next.secret_hash() == session.refresh_hash
        && now < seconds_after(session.last_used_at, settings.refresh_grace_seconds);
    if is_in_grace {
        return token_pair(accounts, &session, &next);
    }
    end_reused(accounts, client, transaction, session).await?;
    Err(Error::Unauthorized)
}

/// Ends a session whose refresh token was used again.
async fn end_reused(
    accounts: &AccountContext,
    client: &Client,
    transaction: DatabaseTransaction,
    session: Model,
) -> Result<()> {
    Entity::delete_by_id(session.id).exec(&transaction).await?;
    let event = Event {
        kind: AuditKind::RefreshReused,
        user: Some(session.user_id),
        actor: None,
        client,
        detail: Some(format!("session {}", session.id)),
    };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.invalidate(session.user_id);
    Ok(())
}

/// A page of the user's open sessions, newest first.
pub async fn list(accounts: &AccountContext, user: &User, current: Uuid, paging: Paging) -> Result<SessionPage> {
    let (db, now) = (&accounts.db, accounts.now());
    let open = Entity::find().filter(Column::UserId.eq(user.id)).filter(Column::ExpiresAt.gt(now));
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

/// The session, read inside a transaction that has locked its user, so that it cannot end before the commit.
///
/// # Errors
/// 401 if it has ended since the request was authenticated.
pub(super) async fn still_open(transaction: &DatabaseTransaction, id: Uuid) -> Result<Model> {
    Entity::find_by_id(id).one(transaction).await?.ok_or(Error::Unauthorized)
}

/// Whether the login was within `auth.recent_login_seconds`.
pub(super) fn is_recent(accounts: &AccountContext, session: &Model) -> bool {
    accounts.now() < seconds_after(session.created_at, accounts.settings().recent_login_seconds)
}

/// Ends one of the user's sessions.
///
/// # Errors
/// 404 if the user has no such session.
pub async fn end(accounts: &AccountContext, client: &Client, user: &User, id: Uuid) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    let ended = Entity::delete_many().filter(Column::Id.eq(id)).filter(Column::UserId.eq(user.id)).exec(&transaction);
    if ended.await?.rows_affected == 0 {
        return Err(NOT_FOUND);
    }
    let event = Event { detail: Some(format!("session {id}")), ..Event::by_user(AuditKind::Logout, user.id, client) };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.invalidate(user.id);
    Ok(())
}

/// Ends all of the user's sessions.
///
/// # Errors
/// When the database cannot be reached.
pub async fn end_all(accounts: &AccountContext, client: &Client, user: &User) -> Result<()> {
    let transaction = begin_write(&accounts.db).await?;
    end_others(&transaction, user.id, None).await?;
    // only with jobs
    // An intruder may have requested links.
    email_token::revoke(&transaction, user.id).await?;
    let detail = Some("all sessions".to_owned());
    let event = Event { detail, ..Event::by_user(AuditKind::Logout, user.id, client) };
    audit_event::record(&transaction, accounts.now(), event).await?;
    transaction.commit().await?;
    accounts.principals.invalidate(user.id);
    Ok(())
}

/// Ends the user's sessions except `kept`, inside the given transaction. After the commit the caller has to call
/// `PrincipalCache::invalidate`.
pub(super) async fn end_others(transaction: &DatabaseTransaction, user: Uuid, kept: Option<Uuid>) -> Result<()> {
    let others = Condition::all().add(Column::UserId.eq(user)).add_option(kept.map(|kept| Column::Id.ne(kept)));
    Entity::delete_many().filter(others).exec(transaction).await?;
    Ok(())
}

/// Deletes expired sessions. Returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(db: &Db, now: DateTime<Utc>) -> Result<u64> {
    Ok(Entity::delete_many().filter(Column::ExpiresAt.lt(now)).exec(db).await?.rows_affected)
}
