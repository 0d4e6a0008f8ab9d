//! Time and chance. Times are milliseconds of a clock that never jumps; they mean nothing outside of one instance.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clock does not begin at 0, so that what another instance left may lie before its start.
const BEGINNING: u64 = 1 << 40;

/// Now.
#[must_use]
pub fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    let elapsed = START.get_or_init(Instant::now).elapsed().as_millis();
    BEGINNING + u64::try_from(elapsed).unwrap_or(0)
}

/// The time of another instance's clock in this one's: `then` was so long before (or after) `saved` as the result is before
/// (or after) `now`.
#[must_use]
pub fn shifted(then: u64, saved: u64, now: u64) -> u64 {
    now.saturating_add(then).saturating_sub(saved)
}

/// Milliseconds since the Unix epoch.
#[must_use]
pub fn epoch_millis() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Now, as the shared kinds write it.
#[must_use]
pub fn timestamp() -> String {
    hearthgate_plugin::rfc3339(SystemTime::now())
}

/// Any number: the keys of std's hashes are random.
#[must_use]
pub fn random() -> u64 {
    RandomState::new().hash_one(0)
}
