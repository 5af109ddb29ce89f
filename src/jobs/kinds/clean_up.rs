//! Deletes expired rows.

use super::{Context, Failure};
use crate::services::clean_up;

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    Ok(clean_up::run(&context.accounts).await?)
}
