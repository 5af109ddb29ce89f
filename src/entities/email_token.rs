//! The table `email_tokens`: links in mails, from the request to their use.
#![expect(missing_docs, reason = "the column names are self-explanatory")]

use sea_orm::entity::prelude::*;

/// A link that was requested and not used yet; at most one per user and purpose. The hashes of its tokens are in
/// `email_token_hashes`. Deleting the row invalidates the link, even before it is mailed.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "email_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `None` for a request by address, until the job has found the user.
    pub user_id: Option<Uuid>,
    pub purpose: Purpose,
    /// The recipient. In lower case while there is no user.
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub email: String,
    pub expires_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "user_id", to = "id", on_delete = "Cascade")]
    pub user: BelongsTo<Option<super::user::Entity>>,
}

/// What a link can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(20))")]
pub enum Purpose {
    /// Setting a new password without the current one.
    #[sea_orm(string_value = "reset_password")]
    ResetPassword,
    /// Verifying an email address, and making it the user's.
    #[sea_orm(string_value = "verify_email")]
    VerifyEmail,
}

impl ActiveModelBehavior for ActiveModel {}
