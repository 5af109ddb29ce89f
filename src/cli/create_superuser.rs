//! `create-superuser`

use std::io::{self, IsTerminal};

use super::{Outcome, print};
use crate::core::config::Settings;
use crate::schemas::password::NewPassword;
use crate::schemas::text::Email;

pub(super) async fn run(settings: Settings, email: String) -> Outcome {
    let parsed = Email::try_from(email.clone()).map_err(|error| format!("--email: {error}"))?;
    let password = NewPassword::try_from(read_password()?)
        .map_err(|error| format!("{error}: 8 to 128 characters, without control characters"))?;
    let state = super::migrated_state(settings).await?;
    if super::ensure_superuser(&state, parsed, password).await? {
        print(&format!("{email} is now a superuser"))?;
        Ok(())
    } else {
        Err(format!("{email} already exists").into())
    }
}

/// Reads the password from a prompt that shows nothing, or from the first line of standard input.
fn read_password() -> io::Result<String> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Password: ");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
