//! Mails a link again that verifies an address.

use super::{AddressedTo, Context, Failure};
use crate::services::account::verification;

pub(super) async fn run(context: &Context, data: &AddressedTo) -> Result<(), Failure> {
    Ok(verification::mail_link(&context.accounts, data).await?)
}
