//! Names of plugin instances.

use super::Invalid;
use std::fmt;
use std::sync::Arc;

/// Longest name, in bytes.
pub const MAX_BYTES: usize = 64;

/// The name of an instance of a plugin, as the operator chose it: the `source` of its events.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InstanceName(Arc<str>);

impl InstanceName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// Says what is wrong: a name is 1 to 64 of `[a-z0-9-]`; `gateway` is the gateway's own, `native` its protocol's.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let ok = !text.is_empty()
            && text.len() <= MAX_BYTES
            && text
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if !ok {
            return Err(Invalid(format!(
                "name {text:?} must be 1 to {MAX_BYTES} characters of a-z, 0-9 and -"
            )));
        }
        if matches!(text, "gateway" | "native") {
            return Err(Invalid(format!("the name {text:?} is reserved")));
        }
        Ok(Self(text.into()))
    }

    /// The gateway itself, as the source of `gateway.*` events.
    #[must_use]
    pub fn gateway() -> Self {
        Self("gateway".into())
    }

    /// A client that publishes, as the source of its events; no instance can be called so.
    #[must_use]
    pub fn of_client(subject: &str) -> Self {
        Self(format!("client:{subject}").into())
    }

    /// Whether this is the gateway itself.
    #[must_use]
    pub fn is_gateway(&self) -> bool {
        &*self.0 == "gateway"
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
