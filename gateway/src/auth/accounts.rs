//! Accounts: users with passwords, whom plugins may let log in (`gateway.login`).

use super::{Access, Identity};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// An answer that takes its time, as checking a password does.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Users with passwords. The plugin host asks it for `gateway.login`; it gets one in `plugins::Ports`.
pub trait Accounts: Send + Sync {
    /// Checks a password and issues tokens that this gateway accepts. `address` is the client's, which attempts are
    /// counted by.
    fn login<'a>(
        &'a self,
        username: &'a str,
        password: &'a str,
        address: &'a str,
    ) -> Answering<'a, Result<LoginSession, LoginError>>;

    /// Issues new tokens for a refresh token of an earlier login.
    fn refresh<'a>(&'a self, token: &'a str) -> Answering<'a, Result<LoginSession, LoginError>>;

    /// What somebody may, as the rules are now; `None`: somebody who did not say who it is.
    fn access(&self, identity: Option<&Identity>) -> Arc<Access>;
}

/// What a login gives. It has no `Debug`, as the tokens must not get into a log.
#[derive(Clone)]
pub struct LoginSession {
    /// A token that the gateway accepts as a credential.
    pub access_token: String,
    /// A token that only [`Accounts::refresh`] accepts.
    pub refresh_token: String,
    /// How long the access token holds.
    pub expires_in: Duration,
    /// Who it is.
    pub identity: Arc<Identity>,
}

/// Why nobody was logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// The name or the password is wrong, or the refresh token is not valid; which one is not told.
    #[error("the credentials are not valid")]
    InvalidCredentials,
    /// Too many attempts.
    #[error("too many attempts; try again in {} ms", .0.as_millis())]
    Throttled(Duration),
    /// It can't be checked.
    #[error("{0}")]
    Unavailable(String),
}

impl LoginError {
    /// A word for metrics and the audit log.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid",
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// No accounts and no rules: every login is told so, and everybody may everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAccounts;

impl Accounts for NoAccounts {
    fn login<'a>(
        &'a self,
        _username: &'a str,
        _password: &'a str,
        _address: &'a str,
    ) -> Answering<'a, Result<LoginSession, LoginError>> {
        Box::pin(async { Err(none()) })
    }

    fn refresh<'a>(&'a self, _token: &'a str) -> Answering<'a, Result<LoginSession, LoginError>> {
        Box::pin(async { Err(none()) })
    }

    fn access(&self, _identity: Option<&Identity>) -> Arc<Access> {
        Access::everything()
    }
}

fn none() -> LoginError {
    LoginError::Unavailable("no users are configured (auth.users)".to_owned())
}
