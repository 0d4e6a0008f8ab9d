//! Kinds: what happened.

use super::Invalid;
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Longest kind, in bytes.
pub const MAX_BYTES: usize = 64;

/// What happened, `entity.state_changed`: words of `[a-z0-9_]` between dots, at least two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind(Arc<str>);

impl Kind {
    /// Checks and takes a kind.
    ///
    /// # Errors
    /// Says what is wrong: length, a character that is not allowed, or a missing dot.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_BYTES {
            return Err(Invalid(format!("kind is longer than {MAX_BYTES} bytes")));
        }
        let word = |w: &str| {
            !w.is_empty()
                && w.bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        };
        if !text.contains('.') || !text.split('.').all(word) {
            return Err(Invalid(format!(
                "kind {text:?} must be words of a-z, 0-9 and _ between dots, as in \"entity.state_changed\""
            )));
        }
        Ok(Self(text.into()))
    }

    /// The kind as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only the gateway itself may publish it.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.0.starts_with("gateway.")
    }
}

/// A kind orders and hashes as its text does.
impl Borrow<str> for Kind {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
