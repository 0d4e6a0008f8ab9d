//! What one instance hands to the next: what it knows, the tracker's connection, and actions under way. A sample or a probe that
//! was under way is done again.

use super::actions::Action;
use super::jobs::{Job, Running};
use super::{Monitor, Synchronisation, clock};
use crate::adb::script::Mark;
use crate::adb::session::Session;
use crate::adb::tracker::{Kept, Tracker};
use crate::config::{Checked, Config};
use crate::device::{Device, Sampling};
use crate::outbox;
use crate::pace::Pace;
use crate::probe::Memory;
use hearthgate_plugin::events::AdapterState;
use hearthgate_plugin::{ConnectionId, Event, Outbox, Reason, Start};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An action whose session is open.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Open {
    connection: ConnectionId,
    action: Action,
    mark: Mark,
    session: Session,
    started: u64,
    until: u64,
}

/// The state.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Saved {
    at: u64,
    tracker: Option<Kept>,
    listed: bool,
    devices: Vec<Device>,
    probes: BTreeMap<String, (String, Memory, Pace)>,
    queued: Vec<Action>,
    open: Vec<Open>,
    outbox: Vec<Event>,
    adapter: Option<(AdapterState, Option<String>)>,
    server_version: Option<String>,
    synchronisation: Option<Synchronisation>,
}

impl Monitor {
    /// What the next instance should know.
    #[must_use]
    pub fn saved(&self, now: u64) -> Saved {
        let queued = self.jobs.queue.iter().filter_map(|job| match job {
            Job::Action(action) => Some(action.clone()),
            _ => None,
        });
        let open = self
            .jobs
            .running
            .iter()
            .filter_map(|(id, running)| match &running.job {
                Job::Action(action) => Some(Open {
                    connection: *id,
                    action: action.clone(),
                    mark: running.mark.clone(),
                    session: running.session.clone()?,
                    started: running.started,
                    until: running.until,
                }),
                _ => None,
            });
        let probes = self.probes.iter().enumerate().map(|(i, probe)| {
            let certificate = self.jobs.has(&Job::Certificate(i));
            (probe.config.id.clone(), probe.kept(certificate, now))
        });
        let devices = self.devices.values().map(|device| {
            let mut device = device.clone();
            if device.sampling == Sampling::Underway {
                device.pace.at_once(now);
            }
            device
        });
        Saved {
            at: now,
            tracker: self.adb.as_ref().and_then(|adb| adb.tracker.kept()),
            listed: self.adb.as_ref().is_some_and(|adb| adb.listed),
            devices: devices.collect(),
            probes: probes.collect(),
            queued: queued.collect(),
            open: open.collect(),
            outbox: outbox::kept(&self.outbox),
            adapter: self.adapter.clone(),
            server_version: self.server_version.clone(),
            synchronisation: self.synchronisation.clone(),
        }
    }

    /// Goes on where another instance stopped.
    #[must_use]
    pub fn resumed(
        config: Config,
        checked: Checked,
        saved: Saved,
        start: &mut Start,
        now: u64,
    ) -> Self {
        let mut monitor = Self::new(config, checked, now);
        let adopted = monitor.adopt(start);
        monitor.resume_tracker(&saved, &adopted);
        monitor.outbox = Outbox::resume(outbox::CAPACITY, saved.outbox);
        monitor.server_version = saved.server_version;
        for mut device in saved.devices {
            device.shift(saved.at, now);
            device.sampling = Sampling::Idle;
            if start.reason == Reason::Reconfigured {
                device.pace = monitor.pace(device.id(), now);
            }
            monitor.devices.insert(device.id().to_owned(), device);
        }
        for probe in &mut monitor.probes {
            if let Some((url, memory, pace)) = saved.probes.get(&probe.config.id)
                && *url == probe.target.url
            {
                probe.resume(memory.clone(), pace.clone(), saved.at, now);
            }
        }
        // What ran comes before what waited.
        for open in saved.open {
            if adopted.contains(&open.connection) {
                let running = Running {
                    job: Job::Action(open.action),
                    mark: open.mark,
                    session: Some(open.session),
                    started: clock::shifted(open.started, saved.at, now),
                    until: clock::shifted(open.until, saved.at, now),
                };
                monitor.jobs.running.insert(open.connection, running);
            } else {
                let reason =
                    Err("the connection was lost while the plugin was replaced".to_owned());
                monitor.action_over(&open.action, &open.mark, reason);
            }
        }
        saved
            .queued
            .into_iter()
            .for_each(|action| monitor.jobs.push(Job::Action(action)));
        match &monitor.adb {
            Some(adb) if adb.tracker.is_up() => {
                monitor.adapter = saved.adapter;
                monitor.synchronisation = saved.synchronisation;
            }
            _ if saved.listed => {
                monitor.adb_lost("the connection was lost while the plugin was replaced")
            }
            None => monitor.adapter = saved.adapter,
            Some(_) => {}
        }
        for (id, (_, memory, _)) in saved.probes {
            let gone = monitor.probes.iter().all(|probe| probe.config.id != id);
            if let Some(event) = memory.farewell(&id).filter(|_| gone) {
                monitor.outbox.push(event);
            }
        }
        monitor
    }

    /// Takes over all connections to the adb server; those that nobody wants are closed.
    fn adopt(&self, start: &mut Start) -> Vec<ConnectionId> {
        let Some(adb) = &self.adb else {
            return Vec::new();
        };
        let url = adb.target.tcp_url();
        std::iter::from_fn(|| start.adopt_connection(&url)).collect()
    }

    fn resume_tracker(&mut self, saved: &Saved, adopted: &[ConnectionId]) {
        let timeout = self.config.timeout.0;
        let kept = saved
            .tracker
            .clone()
            .filter(|kept| adopted.contains(&kept.connection));
        let wanted: Vec<ConnectionId> = saved
            .open
            .iter()
            .map(|open| open.connection)
            .chain(kept.as_ref().map(|kept| kept.connection))
            .collect();
        for id in adopted.iter().filter(|id| !wanted.contains(id)) {
            hearthgate_plugin::net::TcpStream(*id).close();
        }
        if let (Some(adb), Some(kept)) = (&mut self.adb, kept) {
            adb.tracker = Tracker::resumed(timeout, kept);
            adb.listed = saved.listed;
        }
    }
}
