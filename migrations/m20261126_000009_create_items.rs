//! Items and their tags.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, string_len, string_len_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null, uuid,
};
use sea_orm_migration::sea_orm::DbBackend;

use super::{create_indexes, drop_tables, foreign_key};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let items = Table::create()
            .table("items")
            .col(uuid("id").primary_key())
            .col(uuid("owner_id"))
            .col(string_len("title", 255))
            .col(string_len_null("description", 255))
            .col(big_integer_null("price"))
            .col(big_integer_null("tax"))
            .col(string_len("condition", 20))
            .col(timestamp_with_time_zone_null("available_from"))
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .foreign_key(&mut foreign_key("items_owner_id_fkey", "items", "owner_id", "users"))
            .take();
        manager.create_table(items).await?;
        let tags = Table::create().table("tags").col(uuid("id").primary_key()).col(string_len("name", 30)).take();
        manager.create_table(tags).await?;
        let item_tags = Table::create()
            .table("item_tags")
            .col(uuid("item_id"))
            .col(uuid("tag_id"))
            .primary_key(Index::create().name("item_tags_pkey").col("item_id").col("tag_id"))
            .foreign_key(&mut foreign_key("item_tags_item_id_fkey", "item_tags", "item_id", "items"))
            .foreign_key(&mut foreign_key("item_tags_tag_id_fkey", "item_tags", "tag_id", "tags"))
            .take();
        manager.create_table(item_tags).await?;
        // Titles sort by code point, and both columns fold ASCII only, on both databases. SQLite does so by default.
        if manager.get_database_backend() == DbBackend::Postgres {
            for column in ["title", "description"] {
                let collate = format!("ALTER TABLE items ALTER COLUMN {column} TYPE varchar(255) COLLATE \"C\"");
                manager.get_connection().execute_unprepared(&collate).await?;
            }
        }
        // An index for each order of a list, for one owner and for all. Items without a price sort as the highest price
        // (see services::item).
        create_indexes(
            manager,
            &[
                "CREATE INDEX items_owner_id_created_at_idx ON items (owner_id, created_at, id)",
                "CREATE INDEX items_owner_id_title_idx ON items (owner_id, title, id)",
                "CREATE INDEX items_owner_id_price_idx ON items (owner_id, (COALESCE(price, 9223372036854775807)), id)",
                "CREATE INDEX items_created_at_idx ON items (created_at, id)",
                "CREATE INDEX items_title_idx ON items (title, id)",
                "CREATE INDEX items_price_idx ON items ((COALESCE(price, 9223372036854775807)), id)",
                "CREATE UNIQUE INDEX tags_name_key ON tags (name)",
                "CREATE INDEX item_tags_tag_id_idx ON item_tags (tag_id, item_id)",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["item_tags", "tags", "items"]).await
    }
}
