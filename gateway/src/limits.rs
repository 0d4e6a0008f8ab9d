//! Who is let in: how often an address may knock, and how many connections it, or a user, may have.
//!
//! Connections are counted for as long as they are open, so those tables are as long as there are connections. The
//! rates are kept for the addresses that were here last; one that was forgotten begins anew.

use crate::config::{Limit, Terms};
use crate::telemetry::limits as reached;
use lru::LruCache;
use parking_lot::Mutex;
use rustc_hash::{FxBuildHasher, FxHashMap};
use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Addresses whose rates are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(65_536).expect("it is not zero");
/// When a client should come back that has too many connections.
const WHEN_SOME_END: Duration = Duration::from_secs(5);

/// An address as limits count it: an IPv6 network of 64 bits is one, since one machine has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network(u64, bool);

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// The limit.
    pub limit: Limit,
    /// When to come back.
    pub after: Duration,
}

/// Lets clients in. One for the whole gateway.
#[derive(Debug, Default)]
pub struct Doorman {
    knocks: Knocks,
    addresses: Arc<Counts<Network>>,
    subjects: Arc<Counts<Arc<str>>>,
}

/// How often addresses knock.
#[derive(Debug)]
pub struct Knocks(Mutex<LruCache<Network, Bucket, FxBuildHasher>>);

/// Fills up at a steady rate, and is emptied by knocks.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f32,
    since: Instant,
}

/// How many of each there are.
#[derive(Debug)]
struct Counts<K: Hash + Eq>(Mutex<FxHashMap<K, usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
struct Counted<K: Hash + Eq + Clone> {
    key: K,
    counts: Arc<Counts<K>>,
}

/// A connection of an address that was let in, until it is dropped.
#[derive(Debug)]
pub struct Pass(#[expect(dead_code, reason = "it counts by being there")] Counted<Network>);

/// A connection's place among those of its user, until it is dropped; empty while nobody knows whose it is.
#[derive(Debug, Default)]
pub struct SubjectPlace(Option<Counted<Arc<str>>>);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u64::from(v4.to_bits()), false),
            IpAddr::V6(v6) => Self((v6.to_bits() >> 64) as u64, true),
        }
    }
}

impl Default for Knocks {
    fn default() -> Self {
        Self(Mutex::new(LruCache::with_hasher(REMEMBERED, FxBuildHasher)))
    }
}

impl Knocks {
    /// Takes a knock of an address.
    ///
    /// # Errors
    /// It knocks too often; when the next one passes.
    pub fn take(&self, address: Network, now: Instant, per_second: u32) -> Result<(), Duration> {
        let rate = per_second as f32;
        let mut buckets = self.0.lock();
        let full = || Bucket {
            tokens: rate,
            since: now,
        };
        let bucket = buckets.get_or_insert_mut(address, full);
        let filled = now.saturating_duration_since(bucket.since).as_secs_f32() * rate;
        bucket.tokens = (bucket.tokens + filled).min(rate);
        bucket.since = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f32((1.0 - bucket.tokens) / rate))
    }
}

impl Doorman {
    /// Takes a knock: what comes before anything is done for the client.
    ///
    /// # Errors
    /// The address knocks too often.
    pub fn knock(&self, address: IpAddr, terms: &Terms) -> Result<(), TooMany> {
        if terms.handshakes_per_second == 0 {
            return Ok(());
        }
        let rate = terms.handshakes_per_second;
        match self.knocks.take(address.into(), Instant::now(), rate) {
            Ok(()) => Ok(()),
            Err(after) => reached::verdict(Limit::Handshakes, terms)
                .then_some(())
                .ok_or(TooMany {
                    limit: Limit::Handshakes,
                    after,
                }),
        }
    }

    /// Counts a connection of an address.
    ///
    /// # Errors
    /// It has as many as it may have.
    pub fn admit(&self, address: IpAddr, terms: &Terms) -> Result<Pass, TooMany> {
        let (limit, most) = (Limit::ConnectionsPerAddress, terms.max_per_address);
        count(&self.addresses, address.into(), limit, most, terms).map(Pass)
    }

    /// Counts a connection of a subject, and no more of the one that it was of before.
    ///
    /// # Errors
    /// The subject has as many as it may have; the connection keeps the place that it has.
    pub fn seat(
        &self,
        place: &mut SubjectPlace,
        subject: &str,
        terms: &Terms,
    ) -> Result<(), TooMany> {
        if place.0.as_ref().is_some_and(|one| *one.key == *subject) {
            return Ok(());
        }
        let (limit, most) = (Limit::ConnectionsPerSubject, terms.max_per_subject);
        place.0 = Some(count(&self.subjects, subject.into(), limit, most, terms)?);
        Ok(())
    }
}

impl TooMany {
    /// A sentence for the client.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self.limit {
            Limit::Handshakes => "this address connects too often",
            Limit::ConnectionsPerSubject => "this user has as many connections as a user may have",
            _ => "this address has as many connections as an address may have",
        }
    }
}

/// Counts one more. What came before a limit was configured was counted too, so it holds at once.
fn count<K: Hash + Eq + Clone>(
    counts: &Arc<Counts<K>>,
    key: K,
    limit: Limit,
    most: usize,
    terms: &Terms,
) -> Result<Counted<K>, TooMany> {
    let mut table = counts.0.lock();
    let have = table.get(&key).copied().unwrap_or(0);
    if most > 0 && have >= most && !reached::verdict(limit, terms) {
        let after = WHEN_SOME_END;
        return Err(TooMany { limit, after });
    }
    table.insert(key.clone(), have + 1);
    Ok(Counted {
        key,
        counts: counts.clone(),
    })
}

impl<K: Hash + Eq> Default for Counts<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut table = self.counts.0.lock();
        if let Some(count) = table.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                table.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_one_is_its_ipv4() {
        let same = |a: &str, b: &str, expected: bool| {
            assert_eq!(
                Network::from(ip(a)) == Network::from(ip(b)),
                expected,
                "{a} {b}"
            );
        };
        same("2001:db8:1:2:3::1", "2001:db8:1:2:ffff::9", true);
        same("2001:db8:1:2::1", "2001:db8:1:3::1", false);
        same("192.0.2.1", "192.0.2.2", false);
        same("::ffff:192.0.2.1", "192.0.2.1", true);
        same("0.0.0.1", "::1", false);
    }

    #[test]
    fn an_address_may_knock_so_often_and_others_are_not_held_up() {
        let knocks = Knocks::default();
        let (one, other) = (ip("192.0.2.1").into(), ip("192.0.2.2").into());
        let mut now = Instant::now();
        for _ in 0..5 {
            assert_eq!(knocks.take(one, now, 5), Ok(()));
        }
        let after = knocks.take(one, now, 5).expect_err("the burst is used up");
        assert!(after <= Duration::from_millis(201), "{after:?}");
        assert_eq!(knocks.take(other, now, 5), Ok(()));
        now += after + Duration::from_millis(1);
        assert_eq!(knocks.take(one, now, 5), Ok(()));
        assert!(knocks.take(one, now, 5).is_err());
    }

    #[test]
    fn the_table_of_rates_is_bounded() {
        let knocks = Knocks::default();
        let now = Instant::now();
        for n in 0..70_000_u32 {
            let address = IpAddr::from(n.to_be_bytes());
            let _passed = knocks.take(address.into(), now, 1);
        }
        assert_eq!(knocks.0.lock().len(), REMEMBERED.get());
    }

    #[test]
    fn connections_of_an_address_are_counted_while_they_are_open() {
        let doorman = Doorman::default();
        let terms = Terms {
            max_per_address: 2,
            ..Terms::default()
        };
        let admit = |address| doorman.admit(ip(address), &terms);
        let first = admit("192.0.2.1").expect("room");
        let second = admit("192.0.2.1").expect("room");
        let full = admit("192.0.2.1").expect_err("the address has two");
        assert_eq!(full.limit, Limit::ConnectionsPerAddress);
        let other = admit("192.0.2.9").expect("another address");
        drop((first, second));
        let again = admit("192.0.2.1").expect("room again");
        drop((again, other));
        assert!(doorman.addresses.0.lock().is_empty());
    }

    #[test]
    fn a_place_among_a_subjects_connections_moves_and_is_given_back() {
        let doorman = Doorman::default();
        let mut terms = Terms {
            max_per_subject: 1,
            ..Terms::default()
        };
        let (mut one, mut two) = (SubjectPlace::default(), SubjectPlace::default());
        assert_eq!(doorman.seat(&mut one, "ada", &terms), Ok(()));
        assert_eq!(doorman.seat(&mut one, "ada", &terms), Ok(()), "it is hers");
        assert_eq!(doorman.seat(&mut two, "eve", &terms), Ok(()));
        let full = doorman
            .seat(&mut two, "ada", &terms)
            .expect_err("ada has one");
        assert_eq!(full.limit, Limit::ConnectionsPerSubject);
        let mut third = SubjectPlace::default();
        let kept = doorman.seat(&mut third, "eve", &terms);
        assert!(kept.is_err(), "who was refused keeps the place of before");
        doorman.seat(&mut one, "bob", &terms).expect("room");
        doorman.seat(&mut two, "ada", &terms).expect("given back");
        doorman.seat(&mut third, "eve", &terms).expect("given back");
        terms.dry_run = [Limit::ConnectionsPerSubject].into_iter().collect();
        doorman.seat(&mut third, "ada", &terms).expect("tried out");
        assert_eq!(doorman.subjects.0.lock().get("ada"), Some(&2));
        drop((one, two, third));
        assert!(doorman.subjects.0.lock().is_empty());
    }

    #[test]
    fn a_limit_that_is_tried_out_lets_everybody_in_and_counts_on() {
        let doorman = Doorman::default();
        let mut terms = Terms {
            max_per_address: 1,
            handshakes_per_second: 1,
            ..Terms::default()
        };
        terms.dry_run = [Limit::ConnectionsPerAddress, Limit::Handshakes]
            .into_iter()
            .collect();
        let address = ip("192.0.2.1");
        let open: Vec<_> = (0..3)
            .map(|_| {
                doorman.knock(address, &terms).expect("tried out");
                doorman.admit(address, &terms).expect("tried out")
            })
            .collect();
        terms.dry_run = [].into_iter().collect();
        assert!(doorman.knock(address, &terms).is_err());
        assert!(doorman.admit(address, &terms).is_err());
        drop(open);
        assert!(doorman.admit(address, &terms).is_ok());
    }
}
