//! Who somebody is, and what they may.
//!
//! `presented` finds a token in a request, `authenticator` says whose it is (`jwt` with `keys` or `jwks`, else
//! `api_tokens`), `revocation` whether it still holds, `access` what its bearer may. Users get tokens from `users`.

pub mod access;
mod accounts;
pub mod api_tokens;
pub mod audit;
mod authenticator;
mod error;
mod jwks;
mod jwt;
mod keys;
pub mod password;
mod presented;
pub mod revocation;
mod signing;
mod throttle;
mod users;

pub use crate::event::Identity;
pub use access::{Access, Rules};
pub use accounts::{Accounts, Answering, LoginError, LoginSession, NoAccounts};
pub use audit::{Audit, Record};
pub use authenticator::{Auth, Refused};
pub use error::AuthError;
pub use keys::problems as key_problems;
pub use keys::unusable as unusable_keys;
pub use presented::{Presented, Token};
pub use revocation::{Revocation, Revocations};
pub use signing::{SigningKey, mint};

#[cfg(test)]
mod tests;

use crate::event::Timestamp;
use std::sync::Arc;

/// Somebody whose token was checked. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Who it is.
    pub identity: Arc<Identity>,
    /// When the token ends; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// Until when it is honoured: `expires_at` and its issuer's leeway.
    pub honoured_until: Option<Timestamp>,
    /// When its bearer is warned of its end.
    pub warn_at: Option<Timestamp>,
    /// When it was issued, where it says so.
    pub issued_at: Option<Timestamp>,
    /// Its id (RFC 7519, section 4.1.7); of an API token its name, as `token:NAME`.
    pub token_id: Option<Arc<str>>,
    /// Of an API token: the SHA-256 by which the configuration knows it.
    pub hash: Option<[u8; 32]>,
}

/// Who asks. A credential that is not valid is told apart from none.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Caller {
    /// No credential.
    #[default]
    Anonymous,
    /// A credential that is not valid, where that does not refuse the request; with the reason.
    Invalid(String),
    /// Somebody.
    Identified(Verified),
}

impl Caller {
    /// Who it is, where that is known.
    #[must_use]
    pub fn verified(&self) -> Option<&Verified> {
        match self {
            Self::Identified(verified) => Some(verified),
            Self::Anonymous | Self::Invalid(_) => None,
        }
    }

    /// Who it is, where that is known.
    #[must_use]
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.verified().map(|verified| &verified.identity)
    }
}
