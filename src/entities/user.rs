//! The table `users`.
#![expect(missing_docs, reason = "schemas::user documents the columns")]

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A user. `users_email_key` and `users_username_key` keep email and username unique, ignoring case.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    #[sea_orm(column_type = "String(StringLen::N(255))")]
    pub email: String,
    #[sea_orm(column_type = "String(StringLen::N(50))")]
    pub username: String,
    #[sea_orm(column_type = "Text")]
    pub hashed_password: String,
    #[sea_orm(column_type = "String(StringLen::N(255))", nullable)]
    pub full_name: Option<String>,
    pub age: Option<i32>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub address: Option<Address>,
    pub is_active: bool,
    pub is_superuser: bool,
    pub created_at: DateTimeUtc,
    // only with jobs
    /// Whether the user has followed a link mailed to this address.
    pub email_verified: bool,
}

/// An address, stored as JSON inside its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Address {
    pub street: String,
    pub city: String,
    pub country: String,
}

impl ActiveModelBehavior for ActiveModel {}
