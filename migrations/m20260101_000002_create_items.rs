use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, string_len, string_len_null, timestamp_with_time_zone, uuid,
};
use sea_orm_migration::sea_orm::DbBackend;

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
            .col(big_integer("version"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .foreign_key(&mut cascade("items_owner_id_fkey", "items", "owner_id", "users"))
            .take();
        manager.create_table(items).await?;

        let tags = Table::create().table("tags").col(uuid("id").primary_key()).col(string_len("name", 30)).take();
        manager.create_table(tags).await?;

        let item_tags = Table::create()
            .table("item_tags")
            .col(uuid("item_id"))
            .col(uuid("tag_id"))
            .primary_key(Index::create().name("item_tags_pkey").col("item_id").col("tag_id"))
            .foreign_key(&mut cascade("item_tags_item_id_fkey", "item_tags", "item_id", "items"))
            .foreign_key(&mut cascade("item_tags_tag_id_fkey", "item_tags", "tag_id", "tags"))
            .take();
        manager.create_table(item_tags).await?;

        // Titles sort by code point, and both fold ASCII alone, on both databases; SQLite does so by itself.
        if manager.get_database_backend() == DbBackend::Postgres {
            for column in ["title", "description"] {
                let collate = format!("ALTER TABLE items ALTER COLUMN {column} TYPE varchar(255) COLLATE \"C\"");
                manager.get_connection().execute_unprepared(&collate).await?;
            }
        }

        // An index for each order that a list is offered in, for one owner and for all.
        let indexes = [
            "CREATE INDEX items_owner_id_created_at_idx ON items (owner_id, created_at, id)",
            "CREATE INDEX items_owner_id_title_idx ON items (owner_id, title, id)",
            "CREATE INDEX items_owner_id_price_idx ON items (owner_id, price, id)",
            "CREATE INDEX items_created_at_idx ON items (created_at, id)",
            "CREATE INDEX items_title_idx ON items (title, id)",
            "CREATE INDEX items_price_idx ON items (price, id)",
            "CREATE UNIQUE INDEX tags_name_key ON tags (name)",
            "CREATE INDEX item_tags_tag_id_idx ON item_tags (tag_id, item_id)",
        ];
        for index in indexes {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["item_tags", "tags", "items"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        Ok(())
    }
}

/// A key to the `id` of another table, whose rows take theirs with them.
fn cascade(
    name: &'static str,
    from: &'static str,
    column: &'static str,
    to: &'static str,
) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(name).from(from, column).to(to, "id").on_delete(ForeignKeyAction::Cascade).take()
}
