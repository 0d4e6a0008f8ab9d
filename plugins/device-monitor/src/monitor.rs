//! The whole: what is watched, what is under way, and what comes next. Everything happens in a turn: inputs are taken, what is
//! due is queued, what has room is started, events are sent, and one timer is set for whatever comes first.

mod actions;
mod jobs;
mod keep;
mod lists;
mod requests;

use crate::adb::tracker::{Tracked, Tracker};
use crate::clock;
use crate::complaints::Complaints;
use crate::config::{Checked, Config, Known};
use crate::device::{Device, Sampling};
use crate::outbox::{self, Refusals};
use crate::probe::Probe;
use crate::target::Target;
use hearthgate_plugin::events::AdapterState;
use hearthgate_plugin::net::{NetError, TcpStream, TlsMode};
use hearthgate_plugin::{ConnectionId, Input, Outbox, TimerId, timers};
use jobs::{Job, Jobs};
pub use keep::Saved;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The tag of the one timer.
const TURN: &str = "turn";
/// Longest time without a turn.
const LONGEST_WAIT: u64 = 60_000;

/// The link to the adb server.
#[derive(Debug)]
struct Adb {
    target: Target,
    tracker: Tracker,
    /// Whether a list has come since the link is up.
    listed: bool,
}

/// The first samples after a link came up.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct Synchronisation {
    waiting: BTreeSet<String>,
    total: usize,
    errors: usize,
}

/// Waits between two looks at devices that stay offline: a second, doubling to the interval.
#[derive(Debug, Clone, Copy, Default)]
struct ListWait(u32);

impl ListWait {
    fn step(&mut self, longest: u64) -> u64 {
        let wait = 1000u64 << self.0.min(16);
        self.0 = self.0.saturating_add(1);
        wait.min(longest.max(1000))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Monitor {
    config: Config,
    adb: Option<Adb>,
    devices: BTreeMap<String, Device>,
    probes: Vec<Probe>,
    jobs: Jobs,
    outbox: Outbox,
    refusals: Refusals,
    complaints: Complaints,
    adapter: Option<(AdapterState, Option<String>)>,
    server_version: Option<String>,
    synchronisation: Option<Synchronisation>,
    timer: Option<(TimerId, u64)>,
    /// When the server is asked for its list, as some device is offline.
    next_list: Option<u64>,
    list_wait: ListWait,
    /// When the server is told again to connect to what is missing.
    next_connect: u64,
    /// No event goes out before then: the granted rate is used up.
    throttled_until: u64,
}

impl Monitor {
    /// Watches what is configured.
    #[must_use]
    pub fn new(config: Config, checked: Checked, now: u64) -> Self {
        let timeout = config.timeout.0;
        let adb = checked.adb.map(|target| Adb {
            target,
            tracker: Tracker::new(timeout, now),
            listed: false,
        });
        let probes = config.probes.iter().cloned().zip(checked.targets);
        Self {
            probes: probes
                .map(|(probe, target)| Probe::new(probe, target, now))
                .collect(),
            config,
            adb,
            devices: BTreeMap::new(),
            jobs: Jobs::default(),
            outbox: Outbox::new(outbox::CAPACITY),
            refusals: Refusals::default(),
            complaints: Complaints::default(),
            adapter: None,
            server_version: None,
            synchronisation: None,
            timer: None,
            next_list: None,
            list_wait: ListWait::default(),
            next_connect: 0,
            throttled_until: 0,
        }
    }

    /// Something arrived.
    pub fn input(&mut self, input: Input, now: u64) {
        match input {
            Input::Timer((id, _)) => {
                if self.timer.is_some_and(|(timer, _)| timer == id) {
                    self.timer = None;
                }
            }
            Input::ConnectionOpened((id, opened)) => match self.is_tracker(id) {
                true => self.track(now, |tracker, now| tracker.opened(now)),
                false => self.job_opened(id, &opened, now),
            },
            Input::TcpData((id, data)) => match self.is_tracker(id) {
                true => self.track(now, |tracker, now| tracker.data(&data, now)),
                false => self.job_data(id, &data, now),
            },
            Input::ConnectionClosed((id, info)) => self.ended(id, Ok(&info.reason), now),
            Input::ConnectionFailed((id, error)) => self.ended(id, Err(&error), now),
            Input::HttpDone((id, answer)) => self.http_done(id, answer.as_ref(), now),
            Input::WsMessages(_) | Input::FileLines(_) | Input::FileChanged(_) => {}
        }
    }

    fn ended(&mut self, id: ConnectionId, how: Result<&String, &NetError>, now: u64) {
        if !self.is_tracker(id) {
            return self.job_ended(id, how, now);
        }
        let reason = match how {
            Ok(reason) if reason.is_empty() => "the adb server closed the connection".to_owned(),
            Ok(reason) => reason.clone(),
            Err(error) => error.to_string(),
        };
        self.track(now, |tracker, now| tracker.lost(reason, now));
    }

    fn is_tracker(&self, id: ConnectionId) -> bool {
        self.adb.as_ref().is_some_and(|adb| adb.tracker.owns(id))
    }

    /// Hands something to the tracker and does what follows from it.
    fn track(&mut self, now: u64, what: impl FnOnce(&mut Tracker, u64) -> Tracked) {
        let Some(adb) = &mut self.adb else { return };
        let connection = adb.tracker.connection();
        let tracked = what(&mut adb.tracker, now);
        self.tracked(tracked, connection, now);
    }

    fn tracked(&mut self, tracked: Tracked, connection: Option<ConnectionId>, now: u64) {
        match tracked {
            Tracked::Nothing => {}
            Tracked::Ask(request) => {
                let sent = connection.map(|id| TcpStream(id).send(&request));
                if let (Some(Err(error)), Some(adb)) = (sent, &mut self.adb) {
                    let lost = adb.tracker.lost(error.to_string(), now);
                    self.tracked(lost, connection, now);
                }
            }
            Tracked::Lists(lists) => {
                for (list, skipped) in lists {
                    self.listed(list, skipped, now);
                }
            }
            Tracked::Lost(reason) => {
                // Where the server said nonsense, or nothing, the connection is still open.
                if let Some(id) = connection {
                    TcpStream(id).close();
                }
                self.adb_lost(&reason);
            }
        }
    }

    /// Does all that is due, and sets the timer for what comes next.
    pub fn turn(&mut self, now: u64) {
        self.open_tracker(now);
        self.expire(now);
        self.connect_again(now);
        self.queue_what_is_due(now);
        self.start_jobs(now);
        if now >= self.throttled_until
            && let Some(wait) = self
                .outbox
                .flush(|event, why| self.refusals.tell(&event, &why))
        {
            self.throttled_until = now
                + u64::try_from(wait.as_millis())
                    .unwrap_or(LONGEST_WAIT)
                    .max(1);
        }
        self.set_timer(now);
    }

    fn open_tracker(&mut self, now: u64) {
        let Some(adb) = &mut self.adb else {
            return self.adapter_is(AdapterState::Connected, None);
        };
        if adb.tracker.is_silent(now) {
            self.track(now, |tracker, now| {
                tracker.lost("the adb server does not answer".to_owned(), now)
            });
        }
        let Some(adb) = &mut self.adb else { return };
        if !adb.tracker.wants_to_open(now) {
            return;
        }
        match TcpStream::connect(&adb.target.host, adb.target.port, TlsMode::None) {
            Ok(connection) => {
                adb.tracker.opening(connection.0);
                self.adapter_is(AdapterState::Connecting, None);
            }
            Err(error) => self.track(now, |tracker, now| tracker.lost(error.to_string(), now)),
        }
    }

    fn queue_what_is_due(&mut self, now: u64) {
        for device in self.devices.values_mut() {
            if device.is_online()
                && device.sampling == Sampling::Idle
                && let Some(focus) = device.pace.take(now)
            {
                device.sampling = Sampling::Underway;
                self.jobs.push(Job::Sample {
                    serial: device.id().to_owned(),
                    focus,
                });
            }
        }
        for (index, probe) in self.probes.iter_mut().enumerate() {
            if !probe.underway && probe.pace.take(now).is_some() {
                probe.underway = true;
                self.jobs.push(Job::Probe(index));
            }
        }
    }

    /// One timer for whatever comes first. One that is set for too early is harmless, and left.
    fn set_timer(&mut self, now: u64) {
        let tracker = self.adb.as_ref().and_then(|adb| adb.tracker.due());
        let idle = self
            .devices
            .values()
            .filter(|d| d.is_online() && d.sampling == Sampling::Idle);
        let devices = idle.filter_map(|device| device.pace.due()).min();
        let probes = self
            .probes
            .iter()
            .filter(|probe| !probe.underway)
            .filter_map(|probe| probe.pace.due())
            .min();
        let connect = self.waits_to_connect().then_some(self.next_connect);
        let throttled = (self.throttled_until > now).then_some(self.throttled_until);
        let next = [
            tracker,
            devices,
            probes,
            self.jobs.due(),
            connect,
            self.next_list,
            throttled,
        ]
        .into_iter()
        .flatten()
        .min();
        let next = next.unwrap_or(u64::MAX).clamp(now + 1, now + LONGEST_WAIT);
        if let Some((timer, at)) = self.timer {
            if at <= next {
                return;
            }
            timers::cancel(timer);
        }
        self.timer = timers::after(Duration::from_millis(next - now), TURN)
            .ok()
            .map(|timer| (timer, next));
    }

    /// Whether the link is up and there are addresses to look after.
    fn waits_to_connect(&self) -> bool {
        let listed = self.adb.as_ref().is_some_and(|adb| adb.listed);
        listed && !self.config.connect.is_empty()
    }

    /// A tablet that was out of reach comes back without anybody asking.
    fn connect_again(&mut self, now: u64) {
        if self.waits_to_connect() && now >= self.next_connect {
            self.next_connect = now + self.config.interval.millis();
            self.connect_configured();
        }
        if self.next_list.is_some_and(|at| at <= now) {
            self.next_list = None;
            if !self.jobs.has(&Job::List) {
                self.jobs.push(Job::List);
            }
        }
    }

    fn known(&self, serial: &str) -> Option<&Known> {
        self.config.devices.get(serial)
    }
}

#[cfg(test)]
mod tests;
