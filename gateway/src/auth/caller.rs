//! Who asks: what became of a request's credential.

use super::Identity;
use std::sync::Arc;

/// Who asks. An invalid credential is told apart from none, so that a route or a dialect can answer as its clients expect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Caller {
    /// There was no credential.
    #[default]
    Anonymous,
    /// There was one, and this is why it is not valid. Only where the listener is `lenient`; elsewhere it is refused.
    Invalid(String),
    /// There was a valid one.
    Identified(Arc<Identity>),
}

impl Caller {
    /// Who it is, where it is known.
    #[must_use]
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        match self {
            Self::Identified(identity) => Some(identity),
            Self::Anonymous | Self::Invalid(_) => None,
        }
    }
}

impl From<Option<Arc<Identity>>> for Caller {
    fn from(identity: Option<Arc<Identity>>) -> Self {
        identity.map_or(Self::Anonymous, Self::Identified)
    }
}
