//! The audit trail: what happened to accounts, in the log and in a table that superusers read.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter};
use serde_json::Value;
use uuid::Uuid;

use crate::core::client::Client;
use crate::entities::audit_event::{ActiveModel, Column, Entity, Model};
use crate::error::{Error, Result};
use crate::schemas::audit_event::{AuditEventPage, AuditEventRead, AuditFilter, AuditKind};
use crate::schemas::page::{Page, Paging};
use crate::services::page::newest_first;

/// Something that happened.
pub(super) struct Event<'a> {
    pub(super) kind: AuditKind,
    /// Whose account it is, when that is known.
    pub(super) user: Option<Uuid>,
    /// Who did it, when somebody is logged in.
    pub(super) actor: Option<Uuid>,
    pub(super) client: &'a Client,
    /// Never a secret, and nothing that a stranger typed.
    pub(super) detail: Option<String>,
}

impl<'a> Event<'a> {
    /// What a user does with his own account.
    pub(super) fn by_user(kind: AuditKind, user: Uuid, client: &'a Client) -> Self {
        Self { kind, user: Some(user), actor: Some(user), client, detail: None }
    }
}

/// The kind as it is written: `login_failed`.
fn name(kind: AuditKind) -> Result<String> {
    match serde_json::to_value(kind) {
        Ok(Value::String(name)) => Ok(name),
        other => Err(Error::internal(format!("the name of an audit event: {other:?}"))),
    }
}

/// Writes the event down, inside the caller's transaction if there is one.
pub(super) async fn record(db: &impl ConnectionTrait, now: DateTime<Utc>, event: Event<'_>) -> Result<()> {
    let Event { kind, user, actor, client, detail } = event;
    let kind = name(kind)?;
    let address = client.address.map(|address| address.to_string());
    tracing::info!(target: "audit", kind, user_id = user.map(display), actor_id = actor.map(display), address, detail, "audit");
    let event = ActiveModel {
        id: Set(Uuid::now_v7()),
        kind: Set(kind),
        user_id: Set(user),
        actor_id: Set(actor),
        address: Set(address),
        detail: Set(detail),
        created_at: Set(now),
    };
    event.insert(db).await?;
    Ok(())
}

/// Some of the events, newest first.
pub async fn list(db: &impl ConnectionTrait, filter: AuditFilter, paging: Paging) -> Result<AuditEventPage> {
    let AuditFilter { kind, user_id } = filter;
    let condition = Condition::all()
        .add_option(kind.map(name).transpose()?.map(|kind| Column::Kind.eq(kind)))
        .add_option(user_id.map(|id| Column::UserId.eq(id)));
    let select = Entity::find().filter(condition);
    let position = |event: &Model| (event.created_at, event.id);
    let page = newest_first(db, select, (Column::CreatedAt, Column::Id), position, paging).await?;
    let Page { data, count, next_cursor } = page.map(read_model);
    Ok(Page { data: data.into_iter().collect::<Result<_>>()?, count, next_cursor })
}

fn read_model(event: Model) -> Result<AuditEventRead> {
    let Model { id, kind, user_id, actor_id, address, detail, created_at } = event;
    let kind = serde_json::from_value(Value::String(kind)).map_err(Error::internal)?;
    Ok(AuditEventRead { id, kind, user_id, actor_id, address, detail, created_at })
}
