//! Login.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{EntityTrait, QuerySelect};
use uuid::Uuid;

use super::AccountContext;
use super::audit_event::{self, Event};
use super::session;
use super::user::User;
use crate::core::client::Client;
use crate::core::database::{begin_write, update};
use crate::core::security::Verdict;
use crate::entities::user::{ActiveModel, Entity};
use crate::error::{Error, Result};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::login::{LoginForm, Token};
use crate::schemas::scope::Scopes;

/// The key under which guesses of a user's password are counted.
#[must_use]
pub fn quota_of_user(id: Uuid) -> String {
    format!("user:{id}")
}

/// The key under which failed logins with this name are counted: that of the user whose email or username it is, or the
/// name itself if there is no such user.
#[must_use]
pub fn quota_of_login(user: Option<&User>, name: &str) -> String {
    user.map_or_else(|| format!("name:{name}"), |user| quota_of_user(user.id))
}

/// Opens a session for the user that [`find_by_login`](super::user::find_by_login) has found by the name in the form,
/// if there is one.
///
/// # Errors
/// [`Error::InvalidGrant`] if the user is unknown or inactive, or the password is wrong, after the same work;
/// [`Error::EmailNotVerified`] if the password is right, but the email address is not verified as required.
pub async fn login(accounts: &AccountContext, client: &Client, found: Option<User>, form: LoginForm) -> Result<Token> {
    let LoginForm { username: _, password, scope, grant_type: _ } = form;
    let password = password.into_secret();
    let hash = found.as_ref().map(|user| user.hashed_password.clone());
    let verdict = accounts.passwords.verify(password.clone(), hash).await?;
    let rehashed = match verdict {
        Verdict::NeedsRehash => Some(accounts.passwords.hash_unchecked(password).await?),
        Verdict::Right | Verdict::Wrong => None,
    };

    let transaction = begin_write(&accounts.db).await?;
    // Checked again, with a lock: the password may have been changed while it was verified, and no session may open
    // after a change that ends all sessions.
    let verified = match found.as_ref().filter(|_| verdict != Verdict::Wrong) {
        Some(found) => Entity::find_by_id(found.id)
            .lock_exclusive()
            .one(&transaction)
            .await?
            .filter(|user| user.is_active && user.hashed_password == found.hashed_password),
        None => None,
    };
    let Some(user) = verified else {
        transaction.rollback().await?;
        count("wrong_password"); // only with observability
        record_failure(accounts, client, found.map(|user| user.id))?;
        return Err(Error::InvalidGrant);
    };
    // only with jobs
    if accounts.settings().require_verified_email && !user.email_verified {
        count("unverified"); // only with observability
        return Err(Error::EmailNotVerified);
    }
    if let Some(hash) = rehashed {
        let change = ActiveModel { id: Unchanged(user.id), hashed_password: Set(hash), ..Default::default() };
        update(&transaction, change).await?;
    }
    let scopes = scope.filter(|scopes| !scopes.is_empty()).unwrap_or_else(Scopes::all);
    let token = session::open(accounts, &transaction, user.id, scopes, client).await?;
    audit_event::record(&transaction, accounts.now(), Event::by_user(AuditKind::Login, user.id, client)).await?;
    transaction.commit().await?;
    count("succeeded"); // only with observability
    Ok(token)
}

// only with observability
fn count(outcome: &'static str) {
    metrics::counter!("logins_total", "outcome" => outcome).increment(1);
}

/// Records a failed login. For an unknown name it is only logged, so that guesses cannot fill the table. The row is
/// written in the background, because the time of the write would reveal that the account exists.
fn record_failure(accounts: &AccountContext, client: &Client, user: Option<Uuid>) -> Result<()> {
    if user.is_none() {
        return audit_event::log(&Event::login_failed(None, client));
    }
    let (accounts, client) = (accounts.clone(), client.clone());
    accounts.tasks.clone().spawn(async move {
        let event = Event::login_failed(user, &client);
        if let Err(error) = audit_event::record(&accounts.db, accounts.now(), event).await {
            tracing::warn!(%error, cause = error.cause(), "could not record a failed login");
        }
    });
    Ok(())
}
