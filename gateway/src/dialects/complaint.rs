//! How often is written of what goes wrong with a dialect.

use crate::event::InstanceName;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::time::Instant;

/// Between two lines about the same cause.
const QUIET: Duration = Duration::from_secs(10);

/// When each cause of each instance was last written of, and how often it came up since.
type Told = FxHashMap<(InstanceName, &'static str), (Instant, u64)>;

/// As many as there are instances and causes in the program.
static TOLD: LazyLock<Mutex<Told>> = LazyLock::new(Mutex::default);

/// A cause came up. Whether it is to be written of now, and how often it came up since the last time.
pub(super) fn due(instance: &InstanceName, cause: &'static str, now: Instant) -> Option<u64> {
    let mut told = TOLD.lock();
    let Some((last, since)) = told.get_mut(&(instance.clone(), cause)) else {
        told.insert((instance.clone(), cause), (now, 0));
        return Some(1);
    };
    *since += 1;
    if now.duration_since(*last) < QUIET {
        return None;
    }
    *last = now;
    Some(std::mem::take(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_written_of_now_and_then_with_how_often_it_came_up() {
        let one = InstanceName::parse("one").expect("a name");
        let now = Instant::now();
        assert_eq!(due(&one, "a", now), Some(1));
        for _ in 0..1000 {
            assert_eq!(due(&one, "a", now), None);
        }
        assert_eq!(due(&one, "b", now), Some(1), "another cause");
        assert_eq!(due(&one, "a", now + QUIET), Some(1001));
        assert_eq!(due(&one, "a", now + QUIET), None);
    }
}
