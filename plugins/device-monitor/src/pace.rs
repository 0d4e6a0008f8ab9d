//! How often something is looked at: by the configuration, and faster (or not at all) where somebody asked for it.

use crate::adb::script::Section;
use crate::clock;
use serde::{Deserialize, Serialize};

/// What `start_monitoring` may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Focus {
    /// Everything.
    All,
    /// Processor and memory.
    Performance,
    /// The battery and temperatures.
    Battery,
    /// Storage.
    Storage,
    /// Network counters.
    Network,
}

impl Focus {
    /// What is read for it.
    #[must_use]
    pub fn sections(self) -> &'static [Section] {
        use Section::{Battery, Cpu, Memory, Network, Properties, Storage, Temperature};
        match self {
            Self::All => &[
                Properties,
                Battery,
                Cpu,
                Memory,
                Storage,
                Network,
                Temperature,
            ],
            Self::Performance => &[Cpu, Memory],
            Self::Battery => &[Battery, Temperature],
            Self::Storage => &[Storage],
            Self::Network => &[Network],
        }
    }
}

/// When one thing is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    paused: bool,
    regular: u64,
    fast: Option<(Focus, u64)>,
    next_regular: u64,
    next_fast: u64,
}

impl Pace {
    /// Every so many milliseconds from now on; paused: only once somebody asks.
    #[must_use]
    pub fn new(regular: u64, paused: bool, now: u64) -> Self {
        Self {
            paused,
            regular,
            fast: None,
            next_regular: now,
            next_fast: now,
        }
    }

    /// The configured interval may be another now.
    pub fn configured(&mut self, regular: u64) {
        self.next_regular = self
            .next_regular
            .saturating_sub(self.regular)
            .saturating_add(regular);
        self.regular = regular;
    }

    /// Times of another instance's clock become this one's.
    pub fn shift(&mut self, saved: u64, now: u64) {
        for time in [&mut self.next_regular, &mut self.next_fast] {
            *time = clock::shifted(*time, saved, now);
        }
    }

    /// From now on, and faster where an interval is given. Returns the interval that is in force.
    pub fn start(&mut self, focus: Focus, interval: Option<u64>, now: u64) -> u64 {
        self.paused = false;
        self.fast = interval
            .filter(|fast| *fast < self.regular)
            .map(|fast| (focus, fast));
        (self.next_regular, self.next_fast) = (now, now);
        self.fast.map_or(self.regular, |(_, fast)| fast)
    }

    /// Not any more.
    pub fn stop(&mut self) {
        self.paused = true;
        self.fast = None;
    }

    /// As soon as can be, unless it is paused.
    pub fn at_once(&mut self, now: u64) {
        self.next_regular = now;
    }

    /// Again in so many milliseconds, whatever the rhythm.
    pub fn again_in(&mut self, millis: u64, now: u64) {
        self.next_regular = now + millis;
    }

    /// Whether it is looked at.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.paused
    }

    /// When the next look is due.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        let fast = self.fast.map_or(u64::MAX, |_| self.next_fast);
        (!self.paused).then(|| self.next_regular.min(fast))
    }

    /// What to look at now, if anything; the next look is set. A rhythm that was missed is not made up for.
    pub fn take(&mut self, now: u64) -> Option<Focus> {
        if self.paused {
            return None;
        }
        let fast = self.fast.filter(|_| self.next_fast <= now);
        if let Some((_, interval)) = fast {
            self.next_fast = after(self.next_fast, interval, now);
        }
        if self.next_regular <= now {
            self.next_regular = after(self.next_regular, self.regular, now);
            return Some(Focus::All);
        }
        fast.map(|(focus, _)| focus)
    }
}

/// The next beat of a rhythm that lies behind now.
fn after(last: u64, interval: u64, now: u64) -> u64 {
    let interval = interval.max(1);
    last + (now.saturating_sub(last) / interval + 1) * interval
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rhythm_is_kept_and_what_was_missed_is_not_made_up_for() {
        let mut pace = Pace::new(30, false, 100);
        assert_eq!((pace.take(100), pace.due()), (Some(Focus::All), Some(130)));
        assert_eq!(pace.take(129), None);
        assert_eq!((pace.take(134), pace.due()), (Some(Focus::All), Some(160)));
        assert_eq!((pace.take(260), pace.due()), (Some(Focus::All), Some(280)));
    }

    #[test]
    fn somebody_may_want_one_thing_more_often() {
        let mut pace = Pace::new(30, false, 0);
        assert_eq!(pace.start(Focus::Battery, Some(10), 5), 10);
        let looks: Vec<_> = (5..46)
            .filter_map(|now| Some((now, pace.take(now)?)))
            .collect();
        let (all, battery) = (Focus::All, Focus::Battery);
        assert_eq!(
            looks,
            [
                (5, all),
                (15, battery),
                (25, battery),
                (35, all),
                (45, battery)
            ]
        );
        assert_eq!(
            pace.start(Focus::All, None, 50),
            30,
            "back to the configured interval"
        );
        assert_eq!(
            pace.start(Focus::All, Some(60), 50),
            30,
            "nobody slows it down"
        );
        pace.stop();
        assert_eq!(
            (pace.due(), pace.take(1000), pace.is_on()),
            (None, None, false)
        );
        pace.at_once(1000);
        assert_eq!(pace.due(), None);
        pace.start(Focus::All, None, 1000);
        assert_eq!(pace.take(1000), Some(all));
    }

    #[test]
    fn it_outlives_its_instance() {
        let mut pace = Pace::new(30, false, 100);
        pace.take(100);
        pace.shift(110, 5010);
        assert_eq!(pace.due(), Some(5030));
        pace.configured(60);
        assert_eq!(pace.due(), Some(5060));
    }
}
