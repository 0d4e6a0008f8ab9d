//! The shard's clock: one tick for all that is due, spread so that not every connection is due at once.

use crate::config;
use std::time::Duration;
use tokio::time::Instant;

/// The longest time between two ticks.
const LONGEST_TICK: Duration = Duration::from_secs(1);
/// The shortest: timeouts shorter than this are rounded up to it.
const SHORTEST_TICK: Duration = Duration::from_millis(10);

/// When the next tick is, and what is due then.
pub(super) struct Schedule {
    tick: Duration,
    next: Instant,
    count: u64,
    heartbeat: u64,
    ping: u64,
    pong_timeout_ms: u64,
}

/// One tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    count: u64,
    heartbeat: u64,
    ping: u64,
    /// Longest silence of a client.
    pub(super) pong_timeout_ms: u64,
}

impl Schedule {
    pub(super) fn new(settings: &config::Connections) -> Self {
        let shortest = settings
            .heartbeat_interval
            .min(settings.ping_interval)
            .min(settings.pong_timeout)
            .min(settings.write_timeout);
        let tick = (shortest / 4).clamp(SHORTEST_TICK, LONGEST_TICK);
        let ticks = |span: Duration| {
            let ticks = span.as_millis().div_ceil(tick.as_millis());
            u64::try_from(ticks).unwrap_or(u64::MAX).max(1)
        };
        Self {
            tick,
            next: Instant::now() + tick,
            count: 0,
            heartbeat: ticks(settings.heartbeat_interval),
            ping: ticks(settings.ping_interval),
            pong_timeout_ms: u64::try_from(settings.pong_timeout.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// When the next tick is.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// Takes the tick that is due. Ticks that were missed are not made up for.
    pub(super) fn advance(&mut self, now: Instant) -> Tick {
        self.next = (self.next + self.tick).max(now);
        self.count += 1;
        Tick {
            count: self.count,
            heartbeat: self.heartbeat,
            ping: self.ping,
            pong_timeout_ms: self.pong_timeout_ms,
        }
    }
}

impl Tick {
    pub(super) fn heartbeat_is_due(self, connection: u64) -> bool {
        (self.count.wrapping_add(connection)).is_multiple_of(self.heartbeat)
    }

    pub(super) fn ping_is_due(self, connection: u64) -> bool {
        // Half an interval away from the heartbeat, where both have the same.
        (self
            .count
            .wrapping_add(connection)
            .wrapping_add(self.ping / 2))
        .is_multiple_of(self.ping)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_its_turn_once_an_interval() {
        let mut schedule = Schedule::new(&config::Connections::default());
        let mut due = [0; 90];
        let mut most = 0;
        for _ in 0..30 {
            let tick = schedule.advance(Instant::now());
            let now: Vec<u64> = (0..90).filter(|n| tick.heartbeat_is_due(*n)).collect();
            most = most.max(now.len());
            now.iter()
                .for_each(|n| due[usize::try_from(*n).expect("small")] += 1);
        }
        assert_eq!(due, [1; 90]);
        assert_eq!(most, 3, "they are spread evenly");
    }
}
