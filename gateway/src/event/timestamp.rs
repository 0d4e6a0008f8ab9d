//! Instants, as the protocols write them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since the Unix epoch; written as RFC 3339 in UTC with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write.
const LAST: u64 = 253_402_300_799_999;

impl Timestamp {
    /// The machine's wall clock; never used for order.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::from_millis(u64::try_from(since.as_millis()).unwrap_or(LAST))
    }

    /// Takes milliseconds since the Unix epoch; what RFC 3339 can't write becomes the last instant that it can.
    #[must_use]
    pub fn from_millis(millis: u64) -> Self {
        Self(millis.min(LAST))
    }

    /// Takes seconds since the Unix epoch, as tokens have them.
    #[must_use]
    pub fn from_seconds(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Reads RFC 3339.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        let millis = at.unix_timestamp_nanos() / 1_000_000;
        Some(Self::from_millis(u64::try_from(millis).unwrap_or(0)))
    }

    /// The same moment, so much later.
    #[must_use]
    pub fn after(self, span: std::time::Duration) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap_or(LAST);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// A moment so much earlier.
    #[must_use]
    pub fn before(self, span: std::time::Duration) -> Self {
        let millis = u64::try_from(span.as_millis()).unwrap_or(LAST);
        Self(self.0.saturating_sub(millis))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub fn as_millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0) * 1_000_000;
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| fmt::Error)?;
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom("expected a time as RFC 3339 writes it: 2027-01-01T00:00:00Z")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_rfc_3339_with_milliseconds() {
        let check = |millis, expected: &str| {
            assert_eq!(Timestamp::from_millis(millis).to_string(), expected);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(1_790_000_000_123, "2026-09-21T14:13:20.123Z");
        check(u64::MAX, "9999-12-31T23:59:59.999Z");
    }
}
