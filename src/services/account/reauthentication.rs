//! Reauthentication: an access token may be stolen, so actions with lasting effects need more than a token.
//!
//! Changing the email address, creating an API key and deleting the account need a recent login or the current
//! password. Making someone a superuser, and changing the email address or password of one, need a recent login. A service
//! calls [`Reauthentication::check`] before its transaction, because hashing takes time, and
//! [`Reauthentication::confirm`] inside it, after locking the user.

use sea_orm::{DatabaseTransaction, EntityTrait};
use uuid::Uuid;

use super::AccountContext;
use super::audit_event::{self, Event};
use super::session;
use super::user::User;
use crate::core::client::Client;
use crate::core::security::Verdict;
use crate::entities::user::Entity;
use crate::error::{Error, Result};
use crate::schemas::audit_event::AuditKind;
use crate::schemas::password::Password;

/// A user who acts with a session of their own, not with an API key.
#[derive(Debug, Clone, Copy)]
pub struct SessionUser<'a> {
    /// The user, as of the request's authentication.
    pub user: &'a User,
    /// The id of the session.
    pub session: Uuid,
    /// Where the request comes from.
    pub client: &'a Client,
}

/// The proof of identity in a request: its session, and whether it contained the right password.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reauthentication {
    session: Uuid,
    has_password: bool,
}

impl Reauthentication {
    /// The proof of a request that cannot contain a password.
    pub(super) fn by_session(session: Uuid) -> Self {
        Self { session, has_password: false }
    }

    /// Checks the password, if the request has one.
    ///
    /// # Errors
    /// 400 for a wrong password, which is recorded in the audit trail.
    pub(super) async fn check(
        accounts: &AccountContext,
        caller: SessionUser<'_>,
        current_password: Option<Password>,
    ) -> Result<Self> {
        let has_password = current_password.is_some();
        if let Some(password) = current_password {
            check_password(accounts, caller, password).await?;
        }
        Ok(Self { session: caller.session, has_password })
    }

    /// Makes sure that the session is still open and, without a password, that its login was recent.
    ///
    /// The session is checked after a right password, too: a password change in the meantime ends the other sessions.
    ///
    /// # Errors
    /// 401 if the session has ended since the request came in; 403 if the login is too long ago.
    pub(super) async fn confirm(self, accounts: &AccountContext, transaction: &DatabaseTransaction) -> Result<()> {
        let session = session::still_open(transaction, self.session).await?;
        if self.has_password || session::is_recent(accounts, &session) {
            Ok(())
        } else {
            Err(Error::RecentLoginRequired)
        }
    }
}

/// Checks the user's current password, and returns its hash.
///
/// # Errors
/// 400 for a wrong password, which is recorded in the audit trail; 401 if the user was deleted in the meantime.
pub(super) async fn check_password(
    accounts: &AccountContext,
    caller: SessionUser<'_>,
    password: Password,
) -> Result<String> {
    let SessionUser { user, client, .. } = caller;
    // From the database: another process may have changed the password since the user was cached.
    let user = Entity::find_by_id(user.id).one(&accounts.db).await?.ok_or(Error::Unauthorized)?;
    let hash = user.hashed_password;
    if accounts.passwords.verify(password.into_secret(), Some(hash.clone())).await? != Verdict::Wrong {
        return Ok(hash);
    }
    let event = Event::by_user(AuditKind::PasswordCheckFailed, user.id, client);
    audit_event::record(&accounts.db, accounts.now(), event).await?;
    Err(Error::IncorrectPassword)
}
