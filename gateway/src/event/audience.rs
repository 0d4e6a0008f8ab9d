//! Audiences: who may see an event, on top of who may read its topic.

use super::{Identity, Invalid};
use std::fmt;
use std::sync::Arc;

/// One of those who may see an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Audience {
    /// All connections of one subject, written `user:42`.
    User(Arc<str>),
    /// Every identity that has the role, written `role:admin`.
    Role(Arc<str>),
    /// One connection, written `client:ID`.
    Client(Arc<str>),
}

impl Audience {
    /// Reads `user:…`, `role:…` or `client:…`.
    ///
    /// # Errors
    /// Says that it is none of these.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            Some((_, "")) => {}
            Some(("user", name)) => return Ok(Self::User(name.into())),
            Some(("role", name)) => return Ok(Self::Role(name.into())),
            Some(("client", name)) => return Ok(Self::Client(name.into())),
            _ => {}
        }
        Err(Invalid(format!(
            "audience {text:?} must be \"user:SUBJECT\", \"role:ROLE\" or \"client:ID\""
        )))
    }

    /// Whether a connection belongs to it.
    #[must_use]
    pub fn includes(&self, client_id: &str, identity: Option<&Identity>) -> bool {
        match self {
            Self::Client(id) => &**id == client_id,
            Self::User(subject) => identity.is_some_and(|i| i.subject == **subject),
            Self::Role(role) => identity.is_some_and(|i| i.roles.iter().any(|r| *r == **role)),
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Role(name) => write!(f, "role:{name}"),
            Self::Client(name) => write!(f, "client:{name}"),
        }
    }
}
