//! Figures of the machine, once a second, as `metrics.sample`. The names are in the README beside this crate.

mod sample;
mod snapshot;

use hearthgate_plugin::{
    Event, Failure, HostError, Plugin, Start, State, TimerId, duration, system,
};
use serde::Deserialize;
use snapshot::{Counters, Snapshot};
use std::time::Duration;

/// The form of the state: [`Counters`].
const STATE: u32 = 1;
/// The host takes a snapshot at most every 200 ms; with less than this, figures would repeat.
const SHORTEST: Duration = Duration::from_millis(250);

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    #[serde(deserialize_with = "duration")]
    interval: Duration,
    target: String,
    #[serde(flatten)]
    choice: sample::Choice,
}

struct Metrics {
    config: Config,
    /// The counters of the sample before, which rates are computed from. None before the first.
    before: Option<Counters>,
}

impl Plugin for Metrics {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        if config.interval < SHORTEST {
            return Err(Failure::misconfigured("interval", "must be at least 250ms"));
        }
        start.every(config.interval, "sample")?;
        let before = start.state(STATE);
        let mut metrics = Self { config, before };
        // The first sample is there at once, without rates; one that follows a reload waits for its tick.
        if metrics.before.is_none() {
            metrics.sample()?;
        }
        Ok(metrics)
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        self.before
            .as_ref()
            .map(|counters| State::json(STATE, counters))
            .transpose()
    }

    fn on_timer(&mut self, _: TimerId, _: &str) -> Result<(), Failure> {
        self.sample()
    }
}

impl Metrics {
    fn sample(&mut self) -> Result<(), Failure> {
        let snapshot: Snapshot = system::snapshot_as()?;
        let sample = sample::of(
            &snapshot,
            self.before.as_ref(),
            &self.config.target,
            &self.config.choice,
        );
        Event::of(&sample).publish()?;
        self.before = Some(snapshot.counters());
        Ok(())
    }
}

hearthgate_plugin::plugin!(Metrics: source);

#[cfg(test)]
mod tests;
