use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, string_len, string_len_null, text, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let verified = Table::alter().table("users").add_column(boolean("email_verified").default(false)).take();
        manager.alter_table(verified).await?;

        let sessions = Table::create()
            .table("sessions")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(string_len("scopes", 255))
            .col(string_len_null("user_agent", 255))
            .col(string_len_null("address", 45))
            .col(string_len("family_hash", 43))
            .col(string_len("refresh_hash", 43))
            .col(string_len_null("spent_hash", 43))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("last_used_at"))
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(&mut owned_by_user("sessions_user_id_fkey", "sessions"))
            .take();
        manager.create_table(sessions).await?;

        let user_tokens = Table::create()
            .table("user_tokens")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(string_len("purpose", 20))
            .col(string_len("token_hash", 43))
            .col(string_len("email", 255))
            .col(timestamp_with_time_zone("expires_at"))
            .foreign_key(&mut owned_by_user("user_tokens_user_id_fkey", "user_tokens"))
            .take();
        manager.create_table(user_tokens).await?;

        let api_keys = Table::create()
            .table("api_keys")
            .col(uuid("id").primary_key())
            .col(uuid("user_id"))
            .col(string_len("name", 100))
            .col(string_len("scopes", 255))
            .col(string_len("key_hash", 43))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("last_used_at").null())
            .col(timestamp_with_time_zone("expires_at").null())
            .foreign_key(&mut owned_by_user("api_keys_user_id_fkey", "api_keys"))
            .take();
        manager.create_table(api_keys).await?;

        // No key to users: what happened is to be known after the user is gone.
        let audit_events = Table::create()
            .table("audit_events")
            .col(uuid("id").primary_key())
            .col(string_len("kind", 40))
            .col(uuid("user_id").null())
            .col(uuid("actor_id").null())
            .col(string_len_null("address", 45))
            .col(text("detail").null())
            .col(timestamp_with_time_zone("created_at"))
            .take();
        manager.create_table(audit_events).await?;

        let indexes = [
            "CREATE UNIQUE INDEX sessions_family_hash_key ON sessions (family_hash)",
            "CREATE INDEX sessions_user_id_idx ON sessions (user_id, created_at, id)",
            "CREATE INDEX sessions_expires_at_idx ON sessions (expires_at)",
            "CREATE UNIQUE INDEX user_tokens_token_hash_key ON user_tokens (token_hash)",
            "CREATE UNIQUE INDEX user_tokens_user_id_purpose_key ON user_tokens (user_id, purpose)",
            "CREATE INDEX user_tokens_expires_at_idx ON user_tokens (expires_at)",
            "CREATE UNIQUE INDEX api_keys_key_hash_key ON api_keys (key_hash)",
            "CREATE INDEX api_keys_user_id_idx ON api_keys (user_id, created_at, id)",
            "CREATE INDEX audit_events_created_at_idx ON audit_events (created_at, id)",
            "CREATE INDEX audit_events_user_id_idx ON audit_events (user_id, created_at, id)",
            "CREATE INDEX audit_events_kind_idx ON audit_events (kind, created_at, id)",
        ];
        for index in indexes {
            manager.get_connection().execute_unprepared(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["audit_events", "api_keys", "user_tokens", "sessions"] {
            manager.drop_table(Table::drop().table(table).take()).await?;
        }
        manager.alter_table(Table::alter().table("users").drop_column("email_verified").take()).await
    }
}

/// A key to the user, whose rows go with him.
fn owned_by_user(name: &'static str, from: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().name(name).from(from, "user_id").to("users", "id").on_delete(ForeignKeyAction::Cascade).take()
}
