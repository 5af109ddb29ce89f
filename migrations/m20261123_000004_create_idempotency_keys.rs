use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{string_len, text, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table("idempotency_keys")
            .col(uuid("user_id"))
            .col(string_len("key_hash", 43))
            .col(string_len("fingerprint", 43))
            .col(text("answer"))
            .col(timestamp_with_time_zone("created_at"))
            .primary_key(Index::create().name("idempotency_keys_pkey").col("user_id").col("key_hash"))
            .foreign_key(
                ForeignKey::create()
                    .name("idempotency_keys_user_id_fkey")
                    .from("idempotency_keys", "user_id")
                    .to("users", "id")
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(keys).await?;
        let index = "CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys (created_at)";
        manager.get_connection().execute_unprepared(index).await.map(|_| ())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("idempotency_keys").take()).await
    }
}
