//! Mails a link again that verifies an address.

use super::{Context, Failure};
use crate::schemas::job::AddressedTo;
use crate::services::verification;

pub(super) async fn run(context: &Context, data: &AddressedTo) -> Result<(), Failure> {
    Ok(verification::mail_link(&context.accounts, data).await?)
}
