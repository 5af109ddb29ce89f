//! The job queue and its schedule.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, small_integer, string_len, text, timestamp_with_time_zone, uuid};

use super::{create_indexes, drop_tables};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let jobs = Table::create()
            .table("jobs")
            .col(uuid("id").primary_key())
            .col(string_len("kind", 40))
            .col(text("payload"))
            .col(string_len("status", 10))
            .col(small_integer("priority"))
            .col(timestamp_with_time_zone("run_at"))
            .col(integer("attempts"))
            .col(uuid("worker_id").null())
            .col(timestamp_with_time_zone("leased_until").null())
            .col(text("last_error").null())
            .col(timestamp_with_time_zone("finished_at").null())
            .col(string_len("traceparent", 55).null()) // only with observability
            .take();
        manager.create_table(jobs).await?;

        let schedule = Table::create()
            .table("job_schedule")
            .col(string_len("name", 40).primary_key())
            .col(timestamp_with_time_zone("last_due_at"))
            .take();
        manager.create_table(schedule).await?;

        create_indexes(
            manager,
            &[
                "CREATE INDEX jobs_queued_idx ON jobs (priority DESC, run_at, id) WHERE status = 'queued'",
                "CREATE INDEX jobs_running_idx ON jobs (leased_until) WHERE status = 'running'",
                "CREATE INDEX jobs_finished_at_idx ON jobs (finished_at) WHERE finished_at IS NOT NULL",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_tables(manager, &["job_schedule", "jobs"]).await
    }
}
