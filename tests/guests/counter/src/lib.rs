//! A source that publishes numbered events, and hands its number and its timer to the instance after it: across
//! any reload the numbers have neither a hole nor a double. See `tests/guests/README.md`.

use hearthgate_plugin::{
    Event, Failure, HostError, Plugin, Reason, Start, State, TimerId, log, log_with, publish_all,
    timers,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Which of the builds this is; in each event.
const BUILD: &str = if cfg!(feature = "v2") { "v2" } else { "v1" };
/// The form of [`Saved`].
const SCHEMA: u32 = 1;

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    per_second: u64,
    topic: String,
    fail: Fail,
    fail_after_ms: u64,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Fail {
    Never,
    Init,
    FirstInput,
    Later,
    NotReady,
    Unauthorized,
    Misconfigured,
    Fatal,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
struct Saved {
    last: u64,
    per_second: u64,
}

struct Counter {
    config: Config,
    saved: Saved,
    reason: Reason,
    fail: Fail,
    /// The timer after which a `later` build traps.
    fuse: Option<TimerId>,
    batch: u64,
}

/// The builds that fail do so whatever the configuration says.
fn how_to_fail(configured: Fail) -> Fail {
    if cfg!(feature = "trap-init") {
        Fail::Init
    } else if cfg!(feature = "trap-first-input") {
        Fail::FirstInput
    } else if cfg!(feature = "trap-later") {
        Fail::Later
    } else {
        configured
    }
}

/// Period in milliseconds, and events per tick: at most 100 ticks a second.
fn rhythm(per_second: u64) -> (u64, u64) {
    match per_second {
        0 => (1000, 0),
        1..=100 => (1000 / per_second, 1),
        _ => (10, per_second / 100),
    }
}

impl Plugin for Counter {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        let fail = how_to_fail(config.fail);
        match fail {
            Fail::Init => panic!("told to trap in init"),
            Fail::NotReady => {
                return Err(Failure::not_ready(
                    "told to wait",
                    Duration::from_millis(100),
                ));
            }
            Fail::Unauthorized => return Err(Failure::unauthorized("told to be refused")),
            Fail::Misconfigured => {
                return Err(Failure::misconfigured("fail", "told to be misconfigured"));
            }
            Fail::Fatal => return Err(Failure::fatal("told to fail")),
            Fail::Never | Fail::FirstInput | Fail::Later => {}
        }
        let (period, batch) = rhythm(config.per_second);
        let before: Option<Saved> = start.state(SCHEMA);
        let period = Duration::from_millis(period);
        if batch > 0 {
            // A timer of another rhythm is left to the host, which cancels it.
            match before {
                Some(saved) if saved.per_second == config.per_second => {
                    start.every(period, "count")?
                }
                _ => timers::every(period, "count")?,
            };
        }
        let fuse = match fail {
            Fail::Later => Some(timers::after(
                Duration::from_millis(config.fail_after_ms),
                "fuse",
            )?),
            _ => None,
        };
        let saved = Saved {
            last: before.map_or(0, |saved| saved.last),
            per_second: config.per_second,
        };
        log_with(
            log::Level::Info,
            "counting",
            &[("build", &BUILD), ("last", &saved.last)],
        );
        Ok(Self {
            config,
            saved,
            reason: start.reason.clone(),
            fail,
            fuse,
            batch,
        })
    }

    fn reconfigure(&mut self, config: Config) -> Result<bool, Failure> {
        // Only the topic can change on the fly; a new rhythm needs a new timer, and so a new instance.
        let rest_is_the_same =
            config.per_second == self.config.per_second && config.fail == self.config.fail;
        if rest_is_the_same {
            self.config.topic = config.topic;
        }
        Ok(rest_is_the_same)
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        State::json(SCHEMA, &self.saved).map(Some)
    }

    fn on_timer(&mut self, id: TimerId, _tag: &str) -> Result<(), Failure> {
        assert!(
            self.fail != Fail::FirstInput,
            "told to trap in the first input"
        );
        assert!(self.fuse != Some(id), "told to trap later");
        let reason = format!("{:?}", self.reason).to_lowercase();
        let event = |n: u64| {
            let data = json!({"n": n, "build": BUILD, "reason": reason});
            Event::new("test.count", self.config.topic.as_str(), &data)
        };
        let first = self.saved.last + 1;
        publish_all((first..first + self.batch).map(event))?;
        // Only what was accepted is counted, so a refusal leaves no hole.
        self.saved.last += self.batch;
        Ok(())
    }
}

hearthgate_plugin::plugin!(Counter: source);
