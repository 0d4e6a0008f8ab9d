//! Figures of the machine, once a second, and of whatever speaks Prometheus' formats, as `metrics.sample`; and alerts
//! where they are beyond thresholds. The names are in the README beside this crate.

mod exposition;
mod names;
mod sample;
mod series;
mod snapshot;
mod targets;
mod thresholds;

use hearthgate_plugin::events::{AdapterState, AdapterStatus, MetricsSample, Object, topic};
use hearthgate_plugin::{
    Event, Failure, HostError, Input, Outbox, Plugin, PublishError, Start, State, TimerId,
    duration, log, system, timers,
};
use serde::{Deserialize, Serialize};
use series::Before;
use snapshot::{Counters, Snapshot};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};
use targets::{Scraped, TAG, Target, TargetConfig};
use thresholds::{Standings, Threshold};

/// The form of the state: [`Memory`].
const STATE: u32 = 2;
/// The form that it had before there were targets: [`Counters`].
const STATE_OF_0_1: u32 = 1;
/// The host takes a snapshot at most every 200 ms; with less than this, figures would repeat.
const SHORTEST: Duration = Duration::from_millis(250);
/// The tag of the timer that sends what had to wait.
const SEND: &str = "send";
/// So many alerts and statuses may wait: one for each alert that may stand, and some.
const MOST_ALERTS: usize = 256;
/// So many samples may wait.
const MOST_SAMPLES: usize = 64;
/// So long one call may read answers. A call has 100 ms of processor time by default.
const AT_ONCE: Duration = Duration::from_millis(25);

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Config {
    #[serde(deserialize_with = "duration")]
    interval: Duration,
    target: String,
    #[serde(default)]
    targets: Vec<TargetConfig>,
    #[serde(default)]
    thresholds: Vec<Threshold>,
    #[serde(flatten)]
    choice: sample::Choice,
}

/// What the next instance is handed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    machine: Option<Counters>,
    targets: BTreeMap<String, Before>,
    standings: Standings,
    /// Alerts and statuses that wait.
    #[serde(default)]
    alerts: Vec<Event>,
}

struct Metrics {
    target: String,
    choice: sample::Choice,
    /// The counters of the sample before, which rates are computed from. None before the first.
    before: Option<Counters>,
    targets: Vec<Target>,
    thresholds: Vec<Threshold>,
    standings: Standings,
    /// Alerts and statuses that wait; they go before samples, which come again.
    alerts: Outbox,
    samples: Outbox,
    /// Whether the timer that sends them is set.
    sending: bool,
    /// Whether it was said that alerts or statuses are not granted.
    complained: bool,
}

impl Plugin for Metrics {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        if config.interval < SHORTEST {
            return Err(Failure::misconfigured("interval", "must be at least 250ms"));
        }
        thresholds::check(&config.thresholds)?;
        start.every(config.interval, "sample")?;
        let mut memory = remembered(start);
        if start.retained_is_gone() {
            memory.standings.untold();
        }
        let targets = targets::start(start, config.targets, &config.target, memory.targets)?;
        let mut metrics = Self {
            target: config.target,
            choice: config.choice,
            before: memory.machine,
            targets,
            thresholds: config.thresholds,
            standings: memory.standings,
            alerts: Outbox::resume(MOST_ALERTS, memory.alerts),
            samples: Outbox::new(MOST_SAMPLES),
            sending: false,
            complained: false,
        };
        let cleared = metrics.standings.keep_only(&metrics.thresholds);
        metrics.raise(cleared)?;
        metrics.tell()?;
        // The first sample is there at once, without rates; one that follows a reload waits for its tick.
        if metrics.before.is_none() {
            metrics.sample()?;
            for i in 0..metrics.targets.len() {
                metrics.ask(i)?;
            }
        }
        Ok(metrics)
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        let targets = self.targets.iter();
        let targets = targets.filter_map(|t| Some((t.config.name.clone(), t.before.clone()?)));
        let memory = Memory {
            machine: self.before.clone(),
            targets: targets.collect(),
            standings: self.standings.clone(),
            alerts: self.alerts.iter().cloned().collect(),
        };
        match memory.machine {
            None => Ok(None),
            Some(_) => State::json(STATE, &memory).map(Some),
        }
    }

    fn on_timer(&mut self, _: TimerId, tag: &str) -> Result<(), Failure> {
        match tag.strip_prefix(TAG) {
            Some(name) => match self.targets.iter().position(|t| t.config.name == name) {
                Some(i) => self.ask(i),
                None => Ok(()),
            },
            None if tag == "more" => self.read(),
            None if tag == SEND => {
                self.sending = false;
                self.send()
            }
            None => self.sample(),
        }
    }

    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        let Input::HttpDone((id, answer)) = input else {
            return Ok(());
        };
        let mut answer = Some(answer);
        let now = now();
        for i in 0..self.targets.len() {
            if let Some(scraped) = self.targets[i].answered(id, &mut answer) {
                self.scraped(i, scraped, now)?;
            }
        }
        self.read()
    }
}

/// What the instance before this one left, in its form or the one before.
fn remembered(start: &Start) -> Memory {
    match &start.state {
        Some(state) if state.schema == STATE_OF_0_1 => Memory {
            machine: start.state(STATE_OF_0_1),
            ..Memory::default()
        },
        _ => start.state(STATE).unwrap_or_default(),
    }
}

/// Milliseconds since the Unix epoch.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

impl Metrics {
    /// A sample of the machine.
    fn sample(&mut self) -> Result<(), Failure> {
        let snapshot: Snapshot = system::snapshot_as()?;
        let sample = sample::of(&snapshot, self.before.as_ref(), &self.target, &self.choice);
        self.samples.push(Event::of(&sample));
        self.send()?;
        self.before = Some(snapshot.counters());
        self.judge(&sample.target, &sample.metrics, snapshot.taken_at)
    }

    fn judge(
        &mut self,
        target: &str,
        metrics: &BTreeMap<String, f64>,
        now: u64,
    ) -> Result<(), Failure> {
        let alerts = self.standings.judge(&self.thresholds, target, metrics, now);
        self.raise(alerts)
    }

    fn ask(&mut self, i: usize) -> Result<(), Failure> {
        let now = now();
        match self.targets[i].ask() {
            Some(scraped) => self.scraped(i, scraped, now),
            None => Ok(()),
        }
    }

    /// Reads answers, as far as there is time in this call.
    fn read(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + AT_ONCE;
        let now = now();
        for i in 0..self.targets.len() {
            if let Some(scraped) = self.targets[i].read(until, now) {
                self.scraped(i, scraped, now)?;
            }
        }
        if self.targets.iter().any(Target::is_reading) {
            targets::come_again()?;
        }
        Ok(())
    }

    fn scraped(&mut self, i: usize, scraped: Scraped, now: u64) -> Result<(), Failure> {
        let name = self.targets[i].config.name.clone();
        let sample = MetricsSample {
            units: Some(scraped.units),
            ..MetricsSample::new(&*name, scraped.metrics)
        };
        self.samples.push(Event::of(&sample));
        self.send()?;
        self.judge(&name, &sample.metrics, now)?;
        if scraped.news { self.tell() } else { Ok(()) }
    }

    /// How the targets are; where there are none, there is nothing to tell.
    fn tell(&mut self) -> Result<(), Failure> {
        if self.targets.is_empty() {
            return Ok(());
        }
        let down = self.targets.iter().filter(|t| t.up() == Some(false));
        let down: Vec<&str> = down.map(|t| t.config.name.as_str()).collect();
        let status = match (
            down.len(),
            self.targets.iter().any(|t| t.up() == Some(true)),
        ) {
            (_, true) => AdapterState::Connected,
            (0, false) => AdapterState::Connecting,
            _ => AdapterState::Disconnected,
        };
        let reports: Object = self
            .targets
            .iter()
            .map(|t| (t.config.name.clone(), t.report()))
            .collect();
        let status = AdapterStatus {
            health: Some(
                [("targets".to_owned(), reports.into())]
                    .into_iter()
                    .collect(),
            ),
            message: (!down.is_empty()).then(|| format!("down: {}", down.join(", "))),
            ..AdapterStatus::new("metrics", "Metrics", status)
        };
        self.raise(vec![Event::of(&status)])
    }

    /// Publishes alerts and statuses.
    fn raise(&mut self, events: Vec<Event>) -> Result<(), Failure> {
        events.into_iter().for_each(|event| self.alerts.push(event));
        self.send()
    }

    /// Sends what waits, as far as the granted rate allows. What is refused is told once, and stops nothing: but without
    /// the right to its own samples there is nothing to do.
    fn send(&mut self) -> Result<(), Failure> {
        let own = topic(&["metrics", &self.target]);
        let mut missing = None;
        let complained = &mut self.complained;
        let mut refused = |event: Event, error: PublishError| match error {
            PublishError::NotGranted(_) if event.is_on(&own) => missing = Some(error),
            PublishError::NotGranted(_) if *complained => {}
            error => {
                *complained = true;
                log::warn!("an event was not published: {event}: {error}");
            }
        };
        let wait = self.alerts.flush(&mut refused);
        let wait = wait.or_else(|| self.samples.flush(&mut refused));
        if let Some(wait) = wait.filter(|_| !self.sending) {
            timers::after(wait, SEND)?;
            self.sending = true;
        }
        missing.map_or(Ok(()), |error| Err(error.into()))
    }
}

hearthgate_plugin::plugin!(Metrics: source);

#[cfg(test)]
mod tests;
