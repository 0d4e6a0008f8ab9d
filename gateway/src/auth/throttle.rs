//! How often somebody may fail: a bounded table of buckets.

use lru::LruCache;
use parking_lot::Mutex;
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::time::Duration;
use tokio::time::Instant;

/// Most entries of a table; when it is full the one that was looked at least recently makes room.
const MAX_ENTRIES: usize = 10_000;

/// Attempts by key.
pub(super) struct Throttle<K: Hash + Eq>(Mutex<LruCache<K, Bucket>>);

struct Bucket {
    left: f64,
    since: Instant,
}

impl<K: Hash + Eq> Throttle<K> {
    pub(super) fn new() -> Self {
        let most = NonZeroUsize::new(MAX_ENTRIES).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::sparse(most)))
    }

    /// Takes one attempt.
    ///
    /// # Errors
    /// There is none left; with the time until there is.
    pub(super) fn take(
        &self,
        key: K,
        now: Instant,
        attempts: u32,
        per: Duration,
    ) -> Result<(), Duration> {
        let most = f64::from(attempts.max(1));
        let rate = most / per.as_secs_f64().max(0.001);
        let mut table = self.0.lock();
        let bucket = table.get_or_insert_mut(key, || Bucket {
            left: most,
            since: now,
        });
        let refilled = now.duration_since(bucket.since).as_secs_f64() * rate;
        bucket.left = (bucket.left + refilled).min(most);
        bucket.since = now;
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.left) / rate))
    }

    /// Gives an attempt back: it did not fail.
    pub(super) fn give_back(&self, key: &K, attempts: u32) {
        if let Some(bucket) = self.0.lock().get_mut(key) {
            bucket.left = (bucket.left + 1.0).min(f64::from(attempts.max(1)));
        }
    }
}

/// An address as one who attacks has it: of IPv6 a whole /64 belongs to one network.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            IpAddr::from(octets)
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_run_out_and_come_back() {
        let throttle = Throttle::new();
        let now = Instant::now();
        let take = |key: u32, now| throttle.take(key, now, 2, Duration::from_secs(10));
        assert!(take(1, now).is_ok() && take(1, now).is_ok());
        let wait = take(1, now).expect_err("two were all");
        assert!(take(2, now).is_ok(), "another one's are another's");
        assert!(take(1, now + wait + Duration::from_millis(1)).is_ok());
        throttle.give_back(&1, 2);
        assert!(take(1, now + wait + Duration::from_millis(1)).is_ok());
    }

    #[test]
    fn the_table_is_bounded() {
        let throttle = Throttle::new();
        let now = Instant::now();
        for key in 0..2 * u32::try_from(MAX_ENTRIES).expect("small") {
            let _ = throttle.take(key, now, 1, Duration::from_secs(10));
        }
        assert_eq!(throttle.0.lock().len(), MAX_ENTRIES);
    }

    #[test]
    fn a_network_of_ipv6_is_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
