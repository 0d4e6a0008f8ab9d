//! The shard's clock: one tick for all that is due, spread so that not every connection is due at once.

use crate::config::Terms;
use std::time::Duration;
use tokio::time::Instant;

/// The longest time between two ticks.
const LONGEST_TICK: Duration = Duration::from_secs(1);
/// The shortest: timeouts shorter than this are rounded up to it.
const SHORTEST_TICK: Duration = Duration::from_millis(10);

/// When the next tick is. It comes often enough for the shortest wait of any connection.
pub(super) struct Schedule {
    tick: Duration,
    next: Instant,
    count: u64,
}

/// One tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tick {
    length: Duration,
    count: u64,
}

impl Schedule {
    pub(super) fn new() -> Self {
        Self {
            tick: LONGEST_TICK,
            next: Instant::now() + LONGEST_TICK,
            count: 0,
        }
    }

    /// Comes often enough for a connection with these terms, from now on.
    pub(super) fn include(&mut self, terms: &Terms) {
        let tick = tick_for(terms);
        if tick < self.tick {
            self.tick = tick;
            self.next = self.next.min(Instant::now() + tick);
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
            length: self.tick,
            count: self.count,
        }
    }
}

fn tick_for(terms: &Terms) -> Duration {
    let waits = [
        terms.heartbeat_interval,
        terms.ping_interval,
        terms.pong_timeout,
        terms.idle_timeout,
        Some(terms.write_timeout),
    ];
    let shortest = waits.into_iter().flatten().min().unwrap_or(LONGEST_TICK);
    (shortest / 4).clamp(SHORTEST_TICK, LONGEST_TICK)
}

impl Tick {
    pub(super) fn heartbeat_is_due(self, terms: &Terms, connection: u64) -> bool {
        let every = terms.heartbeat_interval.map(|span| self.ticks(span));
        every.is_some_and(|every| self.count.wrapping_add(connection).is_multiple_of(every))
    }

    pub(super) fn ping_is_due(self, terms: &Terms, connection: u64) -> bool {
        let every = terms.ping_interval.map(|span| self.ticks(span));
        // Half an interval away from the heartbeat, where both have the same.
        every.is_some_and(|every| {
            let turn = self.count.wrapping_add(connection).wrapping_add(every / 2);
            turn.is_multiple_of(every)
        })
    }

    fn ticks(self, span: Duration) -> u64 {
        millis(span).div_ceil(millis(self.length).max(1)).max(1)
    }
}

/// Milliseconds of a span.
pub(super) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_its_turn_once_an_interval() {
        let (terms, mut schedule) = (Terms::default(), Schedule::new());
        schedule.include(&terms);
        let mut due = [0; 90];
        let mut most = 0;
        for _ in 0..30 {
            let tick = schedule.advance(Instant::now());
            let now: Vec<u64> = (0..90)
                .filter(|n| tick.heartbeat_is_due(&terms, *n))
                .collect();
            most = most.max(now.len());
            now.iter()
                .for_each(|n| due[usize::try_from(*n).expect("small")] += 1);
        }
        assert_eq!(due, [1; 90]);
        assert_eq!(most, 3, "they are spread evenly");
    }

    #[test]
    fn the_shortest_wait_sets_the_pace_and_what_is_off_is_never_due() {
        let mut schedule = Schedule::new();
        let quick = Terms {
            ping_interval: Some(Duration::from_millis(100)),
            heartbeat_interval: None,
            ..Terms::default()
        };
        schedule.include(&Terms::default());
        schedule.include(&quick);
        let begun = schedule.next();
        let ticks: Vec<_> = (0..80).map(|_| schedule.advance(begun)).collect();
        assert_eq!(schedule.next() - begun, Duration::from_millis(25) * 80);
        let pings = ticks.iter().filter(|t| t.ping_is_due(&quick, 7)).count();
        assert_eq!(pings, 20);
        assert!(!ticks.iter().any(|t| t.heartbeat_is_due(&quick, 7)));
        let slow = Terms::default();
        let beats = ticks
            .iter()
            .filter(|t| t.heartbeat_is_due(&slow, 7))
            .count();
        assert_eq!(beats, 0, "30 s are not over after 2 s");
    }
}
