//! Deletes what is past.

use super::{Context, Failure};
use crate::services::clean_up;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let count = clean_up::run(&context.accounts.db, context.accounts.now()).await?;
    tracing::info!(count, "what is past was deleted");
    Ok(())
}
