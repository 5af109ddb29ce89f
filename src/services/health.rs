//! Whether the service can do its work.

use std::time::Duration;

use crate::core::database::{self, Db};
use crate::error::{Error, Result};

/// How long the database may take to answer before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(2);

/// Nothing, when every needed dependency answers.
///
/// # Errors
/// 503 when one does not.
pub async fn check(db: &Db) -> Result<()> {
    let answer = tokio::time::timeout(PATIENCE, database::ping(db)).await;
    match answer {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Error::Unavailable(error.to_string().into())),
        Err(_) => Err(Error::Unavailable("the database does not answer".into())),
    }
}
