//! The audit trail: events of accounts, in the log and in a table that superusers can read.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::Value;
use tracing::field::display;
use uuid::Uuid;

use super::AccountContext;
use crate::core::client::Client;
use crate::entities::audit_event::{ActiveModel, Column, Entity, Model};
use crate::error::{Error, Result};
use crate::schemas::audit_event::{AuditEventPage, AuditEventRead, AuditFilter, AuditKind, RecordedKind};
use crate::schemas::page::Paging;
use crate::services::page::newest_first;

/// Something that happened.
pub(super) struct Event<'a> {
    pub(super) kind: AuditKind,
    /// The user of the account; `None` if there is no such account.
    pub(super) user: Option<Uuid>,
    /// The user that caused it, if the client was logged in.
    pub(super) actor: Option<Uuid>,
    pub(super) client: &'a Client,
    /// Never a secret, and nothing that an anonymous client sent.
    pub(super) detail: Option<String>,
}

impl<'a> Event<'a> {
    /// An event that a user caused on their own account.
    pub(super) fn by_user(kind: AuditKind, user: Uuid, client: &'a Client) -> Self {
        Self { kind, user: Some(user), actor: Some(user), client, detail: None }
    }

    /// A failed login; `user` is `None` if there is no user with the name.
    pub(super) fn login_failed(user: Option<Uuid>, client: &'a Client) -> Self {
        Self { kind: AuditKind::LoginFailed, user, actor: None, client, detail: None }
    }

    fn address(&self) -> Option<String> {
        self.client.address.map(|address| address.to_string())
    }
}

/// The stored name of the kind: `login_failed`.
fn name(kind: AuditKind) -> Result<String> {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => Ok(name),
        other => Err(Error::internal(format!("the name of an audit event: {other:?}"))),
    }
}

/// Writes the event to the log, and stores it on the given connection or transaction.
pub(super) async fn record(db: &impl ConnectionTrait, now: DateTime<Utc>, event: Event<'_>) -> Result<()> {
    log(&event)?;
    let row = ActiveModel {
        id: Set(Uuid::now_v7()),
        kind: Set(name(event.kind)?),
        address: Set(event.address()),
        user_id: Set(event.user),
        actor_id: Set(event.actor),
        detail: Set(event.detail),
        created_at: Set(now),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Writes the event to the log only.
pub(super) fn log(event: &Event<'_>) -> Result<()> {
    let (kind, address, detail) = (name(event.kind)?, event.address(), event.detail.as_deref());
    let (user_id, actor_id) = (event.user.map(display), event.actor.map(display));
    tracing::info!(target: "audit", kind, user_id, actor_id, address, detail, "audit");
    Ok(())
}

/// A page of events, newest first.
pub async fn list(db: &impl ConnectionTrait, filter: AuditFilter, paging: Paging) -> Result<AuditEventPage> {
    let AuditFilter { kind, user_id } = filter;
    let condition = Condition::all()
        .add_option(kind.map(name).transpose()?.map(|kind| Column::Kind.eq(kind)))
        .add_option(user_id.map(|id| Column::UserId.eq(id)));
    let select = Entity::find().filter(condition);
    let position = |event: &Model| (event.created_at, event.id);
    let page = newest_first(db, select, (Column::CreatedAt, Column::Id), position, paging).await?;
    Ok(page.map(read_model))
}

fn read_model(event: Model) -> AuditEventRead {
    let Model { id, kind, user_id, actor_id, address, detail, created_at } = event;
    AuditEventRead { id, kind: recorded_kind(kind), user_id, actor_id, address, detail, created_at }
}

fn recorded_kind(name: String) -> RecordedKind {
    let known = serde_json::from_value(Value::String(name.clone()));
    known.map_or(RecordedKind::Unknown(name), RecordedKind::Known)
}

/// Deletes events older than `audit.keep_days`. Returns their number.
///
/// # Errors
/// When the database cannot be reached.
pub async fn delete_expired(accounts: &AccountContext) -> Result<u64> {
    let oldest = accounts.now() - TimeDelta::days(accounts.audit.keep_days.into());
    let expired = Entity::delete_many().filter(Column::CreatedAt.lt(oldest));
    Ok(expired.exec(&accounts.db).await?.rows_affected)
}
