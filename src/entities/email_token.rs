//! The table `email_tokens`: links in mails.
#![expect(missing_docs, reason = "the columns say what they are")]

use sea_orm::entity::prelude::*;

/// One link that was mailed and not used yet; at most one a user and purpose.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "email_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub purpose: Purpose,
    #[sea_orm(column_type = "String(StringLen::N(43))")]
    pub token_hash: String,
    /// Where it was mailed to.
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub email: String,
    pub expires_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<super::user::Entity>,
}

/// What a link is good for, and for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))")]
pub enum Purpose {
    /// Setting a new password without the old one.
    #[sea_orm(string_value = "reset_password")]
    ResetPassword,
    /// Showing that mail to an address arrives, and making it the user's.
    #[sea_orm(string_value = "verify_email")]
    VerifyEmail,
}

impl ActiveModelBehavior for ActiveModel {}
