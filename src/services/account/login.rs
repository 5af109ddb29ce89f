//! Login.

use sea_orm::ActiveValue::{Set, Unchanged};
use sea_orm::{DatabaseTransaction, EntityTrait, QuerySelect};
use secrecy::SecretString;
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
    let mut verified = verify(accounts, found.as_ref(), &password).await?;
    if let Verified::HashReplaced(user) = verified {
        // By another login, which gave it the configured cost, or by a change of the password.
        verified = verify(accounts, Some(&user), &password).await?;
    }
    let Verified::Right { transaction, user, rehashed } = verified else {
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

/// The outcome of verifying a login's password.
enum Verified {
    /// The password is right. The user is locked until the transaction ends; the hash is a new one, if it needs one.
    Right { transaction: DatabaseTransaction, user: User, rehashed: Option<String> },
    /// The password was right, but its hash has changed since it was read. The user as of now.
    HashReplaced(User),
    /// The password is wrong, or there is no active user.
    Wrong,
}

async fn verify(accounts: &AccountContext, found: Option<&User>, password: &SecretString) -> Result<Verified> {
    let hash = found.map(|user| user.hashed_password.clone());
    let verdict = accounts.passwords.verify(password.clone(), hash).await?;
    let rehashed = match verdict {
        Verdict::NeedsRehash => Some(accounts.passwords.hash_unchecked(password.clone()).await?),
        Verdict::Right | Verdict::Wrong => None,
    };
    let transaction = begin_write(&accounts.db).await?;
    // Checked again, with a lock: the password may have been changed while it was verified, and no session may open
    // after a change that ends all sessions.
    let user = match found.filter(|_| verdict != Verdict::Wrong) {
        Some(found) => Entity::find_by_id(found.id).lock_exclusive().one(&transaction).await?,
        None => None,
    };
    match user.filter(|user| user.is_active) {
        Some(user) if found.is_some_and(|found| found.hashed_password == user.hashed_password) => {
            Ok(Verified::Right { transaction, user, rehashed })
        }
        other => {
            transaction.rollback().await?;
            Ok(other.map_or(Verified::Wrong, Verified::HashReplaced))
        }
    }
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
