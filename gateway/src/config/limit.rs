//! Limits by name, and which of them only count and log.

use super::scalar::unknown_word;

/// A limit that can be tried out before it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `max-connections`
    Connections,
    /// `max-connections-per-address`
    ConnectionsPerAddress,
    /// `max-connections-per-subject`
    ConnectionsPerSubject,
    /// `handshakes-per-second`
    Handshakes,
    /// `messages-per-second`
    Messages,
    /// `bytes-per-second`
    Bytes,
    /// `max-subscriptions`
    Subscriptions,
    /// `max-message`
    MessageSize,
}

/// The limits that only count and log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DryRun(u8);

impl Limit {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::ConnectionsPerSubject,
        Self::Handshakes,
        Self::Messages,
        Self::Bytes,
        Self::Subscriptions,
        Self::MessageSize,
    ];

    /// The key that sets it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Connections => "max-connections",
            Self::ConnectionsPerAddress => "max-connections-per-address",
            Self::ConnectionsPerSubject => "max-connections-per-subject",
            Self::Handshakes => "handshakes-per-second",
            Self::Messages => "messages-per-second",
            Self::Bytes => "bytes-per-second",
            Self::Subscriptions => "max-subscriptions",
            Self::MessageSize => "max-message",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// There is no such limit; which one may be meant.
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|limit| limit.name() == text);
        found.ok_or_else(|| unknown_word(text, &Self::ALL.map(Self::name)))
    }
}

impl DryRun {
    /// Whether a limit only counts and logs.
    #[must_use]
    pub fn covers(self, limit: Limit) -> bool {
        self.0 & (1 << limit as u8) != 0
    }
}

impl FromIterator<Limit> for DryRun {
    fn from_iter<I: IntoIterator<Item = Limit>>(limits: I) -> Self {
        Self(
            limits
                .into_iter()
                .fold(0, |bits, limit| bits | 1 << limit as u8),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_told_apart() {
        for limit in Limit::ALL {
            assert_eq!(Limit::parse(limit.name()), Ok(limit));
            let one: DryRun = [limit].into_iter().collect();
            let covered = Limit::ALL.map(|other| one.covers(other));
            assert_eq!(covered.iter().filter(|c| **c).count(), 1);
            assert!(one.covers(limit));
        }
        assert!(Limit::parse("max-mesage").is_err_and(|why| why.contains("max-message")));
        assert!(
            !Limit::ALL
                .iter()
                .any(|limit| DryRun::default().covers(*limit))
        );
    }
}
