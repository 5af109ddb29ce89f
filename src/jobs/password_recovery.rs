//! Mails a link for a new password.

use super::{Context, Failure};
use crate::schemas::job::AddressedTo;
use crate::services::recovery;

pub(super) async fn run(context: &Context, data: &AddressedTo) -> Result<(), Failure> {
    Ok(recovery::mail_link(&context.accounts, data).await?)
}
