//! What takes a while: sessions with devices and the adb server, and probes. So many at once as configured; the rest waits, each
//! device and each probe at most once.

use super::Monitor;
use super::actions::Action;
use crate::adb::command::Command;
use crate::adb::script::Mark;
use crate::adb::session::{Session, Step};
use crate::clock;
use crate::pace::Focus;
use crate::probe::{Verdict, failed};
use hearthgate_plugin::events::ActionStatus;
use hearthgate_plugin::net::{HttpRequest, HttpResponse, NetError, Opened, TcpStream, TlsMode};
use hearthgate_plugin::{ConnectionId, RequestId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Job {
    /// Read a device.
    Sample { serial: String, focus: Focus },
    /// Do something to a device.
    Action(Action),
    /// Have the adb server connect to an address.
    Connect { address: String },
    /// Ask the adb server which it is.
    Version,
    /// Ask the adb server for its list: the tracker does not tell each change of a device that is not online.
    List,
    /// Look whether something answers.
    Probe(usize),
    /// Look at an HTTPS server's certificate.
    Certificate(usize),
}

/// One that was started over a connection of its own.
#[derive(Debug, Clone)]
pub(super) struct Running {
    pub job: Job,
    pub mark: Mark,
    pub session: Option<Session>,
    pub started: u64,
    pub until: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub queue: VecDeque<Job>,
    pub running: BTreeMap<ConnectionId, Running>,
    requests: BTreeMap<RequestId, (usize, u64)>,
}

impl Jobs {
    pub fn push(&mut self, job: Job) {
        self.queue.push_back(job);
    }

    /// Before the others: somebody waits for it.
    pub fn push_first(&mut self, job: Job) {
        self.queue.push_front(job);
    }

    /// Whether this one waits or runs.
    pub fn has(&self, job: &Job) -> bool {
        let mut running = self.running.values().map(|running| &running.job);
        running.any(|other| other == job) || self.queue.contains(job)
    }

    pub fn due(&self) -> Option<u64> {
        self.running.values().map(|running| running.until).min()
    }

    pub fn actions(&self) -> usize {
        let running = self.running.values().map(|running| &running.job);
        running
            .chain(&self.queue)
            .filter(|job| matches!(job, Job::Action(_)))
            .count()
    }
}

impl Monitor {
    pub(super) fn start_jobs(&mut self, now: u64) {
        while self.jobs.running.len() + self.jobs.requests.len() < self.config.parallel {
            let Some(job) = self.jobs.queue.pop_front() else {
                return;
            };
            self.start(job, now);
        }
    }

    fn start(&mut self, job: Job, now: u64) {
        let mark = Mark::new(clock::random());
        let session = match &job {
            Job::Probe(index) => return self.start_probe(*index, now),
            Job::Certificate(index) => return self.start_certificate(*index, now),

            Job::Sample { serial, focus } => {
                let Some(device) = self.devices.get(serial) else {
                    return;
                };
                let script = mark.script(&device.sections(focus.sections()));
                Session::device(serial, format!("shell:{script}"))
            }
            Job::Action(action) => match &action.command {
                Command::Shell(command) => Session::device(
                    &action.device,
                    format!("shell:{}", mark.with_exit_code(command)),
                ),
                Command::Reboot => Session::device(&action.device, "reboot:".to_owned()),
            },
            Job::Connect { address } => Session::server(format!("host:connect:{address}")),
            Job::Version => Session::server("host:version".to_owned()),
            Job::List => Session::server("host:devices-l".to_owned()),
        };
        let Some(adb) = &self.adb else { return };
        let until = now + self.config.timeout.millis();
        match TcpStream::connect(&adb.target.host, adb.target.port, TlsMode::None) {
            Ok(connection) => {
                let running = Running {
                    job,
                    mark,
                    session: Some(session),
                    started: now,
                    until,
                };
                self.jobs.running.insert(connection.0, running);
            }
            Err(error) => self.finish(job, &mark, Err(error.to_string()), now),
        }
    }

    fn start_probe(&mut self, index: usize, now: u64) {
        let Some(probe) = self.probes.get(index) else {
            return;
        };
        let verified = tls_mode(probe.config.verify);
        match probe.target.scheme.as_str() {
            "tcp" => self.start_tcp(index, Job::Probe(index), TlsMode::None, now),
            "tls" => self.start_tcp(index, Job::Probe(index), verified, now),
            _ => {
                let request =
                    HttpRequest::get(&*probe.target.url).header("user-agent", "hearthgate");
                match request.timeout(probe.config.timeout.0).start() {
                    Ok(id) => drop(self.jobs.requests.insert(id, (index, now))),
                    Err(error) => self.probed(index, failed(&error), now),
                }
            }
        }
    }

    fn start_certificate(&mut self, index: usize, now: u64) {
        let verify = self
            .probes
            .get(index)
            .is_some_and(|probe| probe.config.verify);
        self.start_tcp(index, Job::Certificate(index), tls_mode(verify), now);
    }

    fn start_tcp(&mut self, index: usize, job: Job, mode: TlsMode, now: u64) {
        let Some(probe) = self.probes.get(index) else {
            return;
        };
        let until = now + probe.config.timeout.millis();
        match TcpStream::connect(&probe.target.host, probe.target.port, mode) {
            Ok(connection) => {
                let running = Running {
                    job,
                    mark: Mark::new(0),
                    session: None,
                    started: now,
                    until,
                };
                self.jobs.running.insert(connection.0, running);
            }
            Err(error) => self.connected(&job, Err(&error), now, now),
        }
    }

    pub(super) fn job_opened(&mut self, id: ConnectionId, opened: &Opened, now: u64) {
        let Some(running) = self.jobs.running.get(&id) else {
            return;
        };
        if let Some(session) = &running.session {
            if let Err(error) = TcpStream(id).send(&session.opened()) {
                self.over(id, Err(error.to_string()), now);
            }
            return;
        }
        // That it opened is all that is asked.
        TcpStream(id).close();
        if let Some(running) = self.jobs.running.remove(&id) {
            self.connected(&running.job, Ok(opened), running.started, now);
        }
    }

    pub(super) fn job_data(&mut self, id: ConnectionId, data: &[u8], now: u64) {
        let Some(session) = self
            .jobs
            .running
            .get_mut(&id)
            .and_then(|running| running.session.as_mut())
        else {
            return;
        };
        let had_begun = session.has_begun();
        match session.data(data) {
            Step::Wait => {}
            Step::Send(request) => {
                if let Err(error) = TcpStream(id).send(&request) {
                    self.over(id, Err(error.to_string()), now);
                }
            }
            Step::Begun => self.begun(id),
            Step::Over(outcome) => {
                if !had_begun && session.has_begun() {
                    self.begun(id);
                }
                TcpStream(id).close();
                self.over(id, outcome, now);
            }
        }
    }

    fn begun(&mut self, id: ConnectionId) {
        if let Some(Running {
            job: Job::Action(action),
            ..
        }) = self.jobs.running.get(&id)
        {
            let action = action.clone();
            self.tell_action(&action, ActionStatus::InProgress, None);
        }
    }

    pub(super) fn job_ended(
        &mut self,
        id: ConnectionId,
        how: Result<&String, &NetError>,
        now: u64,
    ) {
        let Some(running) = self.jobs.running.get_mut(&id) else {
            return;
        };
        let Some(session) = &mut running.session else {
            let (job, started) = (running.job.clone(), running.started);
            self.jobs.running.remove(&id);
            let error = how.err().cloned().unwrap_or(NetError::Closed);
            return self.connected(&job, Err(&error), started, now);
        };
        let outcome = match how {
            Ok(reason) => session.closed(reason),
            Err(error) => Err(error.to_string()),
        };
        self.over(id, outcome, now);
    }

    /// Gives up what takes too long.
    pub(super) fn expire(&mut self, now: u64) {
        let late = self
            .jobs
            .running
            .iter()
            .filter(|(_, running)| running.until <= now);
        let late: Vec<ConnectionId> = late.map(|(id, _)| *id).collect();
        for id in late {
            TcpStream(id).close();
            let Some(running) = self.jobs.running.get(&id) else {
                continue;
            };
            if running.session.is_some() {
                self.over(id, Err("timed out".to_owned()), now);
            } else if let Some(running) = self.jobs.running.remove(&id) {
                self.connected(&running.job, Err(&NetError::Timeout), running.started, now);
            }
        }
    }

    fn over(&mut self, id: ConnectionId, outcome: Result<String, String>, now: u64) {
        if let Some(Running { job, mark, .. }) = self.jobs.running.remove(&id) {
            self.finish(job, &mark, outcome, now);
        }
    }

    fn finish(&mut self, job: Job, mark: &Mark, outcome: Result<String, String>, now: u64) {
        match job {
            Job::Sample { serial, .. } => self.sampled(&serial, mark, outcome, now),
            Job::Action(action) => self.action_over(&action, mark, outcome),
            Job::Version => match outcome {
                Ok(version) => self.server_version = Some(version),
                Err(reason) => self.complaints.note("adb version", "", &reason),
            },
            Job::List => match outcome {
                Ok(text) => self.listed_again(&text, now),
                Err(reason) => self.complaints.note("device list", "", &reason),
            },
            // The server says `connected to …`, `already connected to …`, or in one text why not.
            Job::Connect { address } => match outcome {
                Ok(text) if text.contains("connected to") => {}
                Ok(reason) | Err(reason) => self.complaints.note("adb connect", &address, &reason),
            },
            Job::Probe(_) | Job::Certificate(_) => {}
        }
    }

    /// A connection that was to be opened, and no more, is or is not.
    fn connected(
        &mut self,
        job: &Job,
        outcome: Result<&Opened, &NetError>,
        started: u64,
        now: u64,
    ) {
        let (Job::Probe(index) | Job::Certificate(index)) = *job else {
            return;
        };
        let Some(probe) = self.probes.get_mut(index) else {
            return;
        };
        if let Ok(opened) = outcome {
            let ends = opened
                .certificate
                .as_ref()
                .map(|certificate| certificate.not_after);
            probe.opened(&opened.peer, ends, now);
        }
        if matches!(job, Job::Probe(_)) {
            let latency = now.saturating_sub(started) as f64;
            let verdict = match outcome {
                Ok(_) => Verdict::Up {
                    latency,
                    code: None,
                },
                Err(error) => failed(error),
            };
            self.probed(index, verdict, now);
        } else if let Err(error) = outcome {
            let id = probe.config.id.clone();
            self.complaints.note("certificate", &id, &error.to_string());
        } else {
            let events = probe.events();
            events.into_iter().for_each(|event| self.outbox.push(event));
        }
    }

    pub(super) fn http_done(
        &mut self,
        id: RequestId,
        answer: Result<&HttpResponse, &NetError>,
        now: u64,
    ) {
        let Some((index, started)) = self.jobs.requests.remove(&id) else {
            return;
        };
        let Some(probe) = self.probes.get_mut(index) else {
            return;
        };
        let verdict = probe.judge(answer, now.saturating_sub(started) as f64);
        if answer.is_ok() && probe.wants_certificate(now) {
            probe.certificate_asked(now);
            self.jobs.push(Job::Certificate(index));
        }
        self.probed(index, verdict, now);
    }

    fn probed(&mut self, index: usize, verdict: Verdict, now: u64) {
        let Some(probe) = self.probes.get_mut(index) else {
            return;
        };
        if let Verdict::Untried(reason) = &verdict {
            self.complaints
                .note("probe not tried", &probe.config.id, reason);
        }
        let events = probe.found(verdict, now);
        events.into_iter().for_each(|event| self.outbox.push(event));
    }
}

fn tls_mode(verify: bool) -> TlsMode {
    match verify {
        true => TlsMode::Verified,
        false => TlsMode::Unverified,
    }
}
