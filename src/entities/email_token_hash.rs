//! The table `email_token_hashes`: the hashes of mailed tokens.
#![expect(missing_docs, reason = "the column names are self-explanatory")]

use sea_orm::entity::prelude::*;

/// The hash of one token. Each attempt to send a mail makes a token of its own, and all of them stay valid: an attempt
/// that failed may have delivered its mail.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "email_token_hashes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false, column_type = "String(StringLen::N(43))")]
    pub token_hash: String,
    pub email_token_id: Uuid,
    #[sea_orm(belongs_to, from = "email_token_id", to = "id", on_delete = "Cascade")]
    pub email_token: BelongsTo<super::email_token::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
