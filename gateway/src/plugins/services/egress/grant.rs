//! Grants of destinations, as operators write them.

/// A destination, or several: `ws://host:port`, `https://*.example.org`, `tcp://192.168.1.0/24:502`, `tls://host:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectGrant {
    text: String,
}

/// What is wrong with a grant, and what it should have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GrantError(pub String);

impl ConnectGrant {
    /// Reads an operator's grant.
    ///
    /// # Errors
    /// Says what is wrong and what it should have been.
    pub fn parse(text: &str) -> Result<Self, GrantError> {
        Ok(Self {
            text: text.to_owned(),
        })
    }

    /// Reads a manifest's request. As a grant, but a whole URL (of a configuration value) is taken for its origin.
    ///
    /// # Errors
    /// As [`ConnectGrant::parse`].
    pub fn parse_request(text: &str) -> Result<Self, GrantError> {
        Self::parse(text)
    }

    /// Whether some destination fits both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.text == other.text
    }

    /// Whether each destination that fits `other` fits this too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.text == other.text
    }
}
