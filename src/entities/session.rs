//! The table `sessions`.
#![expect(missing_docs, reason = "the columns are described in schemas::session")]

use sea_orm::entity::prelude::*;

/// One login, from the password to the logout. Holds hashes of secrets only.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub scopes: String,
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable)]
    pub user_agent: Option<String>,
    #[sea_orm(column_type = "String(StringLen::N(45))", nullable)]
    pub address: Option<String>,
    /// The hash of the part that all refresh tokens of the session share.
    #[sea_orm(column_type = "String(StringLen::N(43))")]
    pub family_hash: String,
    /// The hash of the part that only the newest refresh token has.
    #[sea_orm(column_type = "String(StringLen::N(43))")]
    pub refresh_hash: String,
    /// The same hash for the previous refresh token.
    #[sea_orm(column_type = "String(StringLen::N(43))", nullable)]
    pub previous_hash: Option<String>,
    pub created_at: DateTimeUtc,
    /// When the user logged in or last refreshed.
    pub last_used_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
