//! Mails a link for a new password.

use super::{AddressedTo, Context, Failure};
use crate::services::account::recovery;

pub(super) async fn run(context: &Context, data: &AddressedTo) -> Result<(), Failure> {
    Ok(recovery::mail_link(&context.accounts, data).await?)
}
