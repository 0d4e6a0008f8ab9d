//! Labels: keys and values for filters.

use super::Invalid;
use std::sync::Arc;

/// Most labels of one event.
pub const MAX_LABELS: usize = 16;
/// Longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 64;
/// Longest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 256;

/// What clients may filter on: sorted by key, each key once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Checks and takes labels.
    ///
    /// # Errors
    /// Says what is wrong: too many, a key twice, a key that is not `[a-z][a-z0-9_]*`, a value that is too long.
    pub fn parse<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Invalid> {
        let mut labels = Vec::new();
        for (key, value) in pairs {
            check_key(key.as_ref())?;
            if value.as_ref().len() > MAX_VALUE_BYTES {
                return Err(Invalid(format!(
                    "the value of label {:?} is longer than {MAX_VALUE_BYTES} bytes",
                    key.as_ref()
                )));
            }
            labels.push((Arc::from(key.as_ref()), Arc::from(value.as_ref())));
        }
        if labels.len() > MAX_LABELS {
            return Err(Invalid(format!("more than {MAX_LABELS} labels")));
        }
        labels.sort_unstable();
        if let Some(twice) = labels.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(Invalid(format!("label {:?} is given twice", &*twice[0].0)));
        }
        Ok(Self(labels.into()))
    }

    /// The value of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(k, _)| &**k == key)?;
        Some(&found.1)
    }

    /// All labels, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (&**k, &**v))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Checks a label's key.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_key(key: &str) -> Result<(), Invalid> {
    let ok = key.len() <= MAX_KEY_BYTES
        && key.starts_with(|c: char| c.is_ascii_lowercase())
        && key
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if ok {
        return Ok(());
    }
    Err(Invalid(format!(
        "label {key:?} must be a-z, 0-9 and _, starting with a letter, at most {MAX_KEY_BYTES} bytes"
    )))
}
