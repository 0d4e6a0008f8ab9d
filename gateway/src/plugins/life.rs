//! The life of an instance: one task that owns its guest and its mailbox, from the first start to the last stop.
//!
//! While the task does one thing (a call, a reload) the mailbox waits; nothing else can touch the guest.

mod pace;
mod replace;
mod run;

pub(super) use pace::portions;

use pace::Pace;

use super::bindings::host::types::{Failure, State};
use super::engine::Engine;
use super::guest::{Fault, Guest, Start, Trouble};
use super::input::{ConnectionId, Input, Inputs, TimerId};
use super::job::Job;
use super::keepsake::Keepsake;
use super::loaded::Loaded;
use super::pool::Pool;
use super::replies::Answer;
use super::setback::{History, Next, reason, setback};
use super::slot::{Door, Slot};
use super::status::{PluginState, ReloadOutcome};
use super::suspects::{Orphans, Suspects};
use crate::bus::{Bus, Tap};
use crate::event::{Filter, Timestamp, TopicFilter};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How often a parked instance looks whether a secret changed.
const SECRET_CHECK: Duration = Duration::from_secs(2);
/// The reason of a first start, which is no reload.
pub(super) const FIRST: &str = "fresh";
/// Events that wait for a subscriber.
const TAP_CAPACITY: usize = 1024;

/// What the host tells an instance's task.
pub(super) enum Control {
    /// Another binary or another configuration, which was checked and compiled.
    Replace {
        /// What is to run.
        loaded: Arc<Loaded>,
        /// A guest of it, made beside the running one.
        guest: Option<Box<Guest>>,
        /// `upgraded` or `reconfigured`.
        reason: &'static str,
        /// The new version is on probation for so long.
        probation: Duration,
        /// How it went.
        done: oneshot::Sender<ReloadOutcome>,
    },
    /// The configuration alone changed: ask the guest whether it takes it. `false`: replace it instead.
    Reconfigure(Arc<Loaded>, oneshot::Sender<bool>),
    /// There is nothing to run (any more).
    Missing(String),
    /// The end.
    Stop(oneshot::Sender<()>),
}

/// What runs.
enum Phase {
    /// Nothing. `until`: when to try again; `fingerprint`: the secrets that were not good enough.
    Down {
        until: Option<Instant>,
        secrets: Option<[u8; 32]>,
    },
    /// A guest with state.
    Single(Box<Guest>),
    /// Guests without.
    Pooled(Arc<Pool>),
}

impl Phase {
    /// Nothing runs, and nothing is waited for.
    const DOWN: Self = Self::Down {
        until: None,
        secrets: None,
    };
}

/// A new version on probation, and the one to go back to.
struct Trial {
    old: Arc<Loaded>,
    /// What it would resume with: its own, or the newest of the version on probation.
    state: Option<State>,
    until: Instant,
    /// When the state is saved next.
    save_at: Instant,
}

/// The task's own things.
pub(super) struct Life {
    pub(super) slot: Arc<Slot>,
    pub(super) engine: Arc<Engine>,
    pub(super) bus: Bus,
    pub(super) control: mpsc::Receiver<Control>,
    pub(super) inputs: Inputs,
    jobs: mpsc::Receiver<Job>,
    job_sender: mpsc::Sender<Job>,
    faults: mpsc::Receiver<(u64, Fault)>,
    fault_sender: mpsc::Sender<(u64, Fault)>,
    /// Pools so far; the newest has this generation.
    generation: u64,
    phase: Phase,
    tap: Option<(Vec<TopicFilter>, Tap)>,
    loaded: Option<Arc<Loaded>>,
    trial: Option<Trial>,
    history: History,
    attempt: u32,
    suspects: Suspects,
    pace: Pace,
    orphans: Orphans,
    /// Inputs at the head of the mailbox that came before the files were last closed.
    stale: usize,
    keepsake: Keepsake,
    /// What a start was given that has not succeeded yet: the next one gets it too.
    pending: Option<State>,
}

impl Life {
    pub(super) fn new(
        slot: Arc<Slot>,
        engine: Arc<Engine>,
        bus: Bus,
        control: mpsc::Receiver<Control>,
        inputs: Inputs,
        keepsake: Keepsake,
    ) -> Self {
        let mailbox = slot.instance.load().limits.mailbox.max(1);
        let (job_sender, jobs) = mpsc::channel(mailbox);
        let (fault_sender, faults) = mpsc::channel(16);
        Self {
            slot,
            engine,
            bus,
            control,
            inputs,
            jobs,
            job_sender,
            faults,
            fault_sender,
            generation: 0,
            phase: Phase::DOWN,
            tap: None,
            loaded: None,
            trial: None,
            history: History::default(),
            attempt: 0,
            suspects: Suspects::default(),
            pace: Pace::default(),
            orphans: Orphans::default(),
            stale: 0,
            keepsake,
            pending: None,
        }
    }

    /// Starts what is loaded. On success it runs; on failure the next move is decided.
    async fn start(&mut self, why: &str, state: Option<State>) {
        let Some(loaded) = self.loaded.clone() else {
            return;
        };
        self.enforce(&loaded);
        self.close_files();
        self.slot.set_state(PluginState::Starting);
        self.pending.clone_from(&state);
        if let Err(trouble) = self.try_start(&loaded, why, state).await {
            if matches!(
                trouble,
                Trouble::Fault(_) | Trouble::Failure(Failure::Fatal(_))
            ) {
                // The state may be what it failed on: it must not be the end of every guest after it.
                self.pending = None;
            }
            self.settle(&trouble, Vec::new()).await;
        }
    }

    async fn try_start(
        &mut self,
        loaded: &Arc<Loaded>,
        why: &str,
        state: Option<State>,
    ) -> Result<(), Trouble> {
        let engine = self.engine.raw().clone();
        let phase = if loaded.is_source() {
            let mut guest = Guest::new(&engine, loaded, &self.slot.place).await?;
            let start = self.start_record(loaded, why, state);
            self.init(&mut guest, &start).await?;
            Phase::Single(Box::new(guest))
        } else {
            let faults = self.next_pool();
            let place = &self.slot.place;
            Phase::Pooled(Pool::start(&engine, loaded, place, why, faults).await?)
        };
        self.open(loaded, phase);
        Ok(())
    }

    /// `init`, after which what was not adopted is closed.
    async fn init(&mut self, guest: &mut Guest, start: &Start) -> Result<(usize, usize), Trouble> {
        let adopted = guest.init(start).await?;
        let offered = |id: &u64| start.connections.iter().any(|(o, _)| o == id);
        let connections: Vec<u64> = adopted.connections.into_iter().filter(offered).collect();
        let offered = |id: &u64| start.timers.iter().any(|(o, _)| o == id);
        let timers: Vec<u64> = adopted.timers.into_iter().filter(offered).collect();
        let left = start
            .connections
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| !connections.contains(id));
        let left_timers = start
            .timers
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| !timers.contains(id));
        self.orphan(left.collect(), left_timers.collect());
        Ok((connections.len(), timers.len()))
    }

    /// Closes these and drops what still arrives from them. What the guest opened itself stays.
    fn orphan(&mut self, connections: Vec<u64>, timers: Vec<u64>) {
        let services = &self.slot.place.services;
        let gone: Vec<ConnectionId> = connections.into_iter().map(ConnectionId).collect();
        let gone_timers: Vec<TimerId> = timers.into_iter().map(TimerId).collect();
        let keep: Vec<ConnectionId> = services
            .sockets
            .list()
            .into_iter()
            .map(|(id, _)| id)
            .filter(|id| !gone.contains(id))
            .collect();
        let keep_timers: Vec<TimerId> = services
            .timers
            .list()
            .into_iter()
            .map(|(id, _)| id)
            .filter(|id| !gone_timers.contains(id))
            .collect();
        services.retain(&keep, &keep_timers);
        self.orphans.add(gone.into_iter(), gone_timers.into_iter());
    }

    fn start_record(&self, loaded: &Loaded, why: &str, state: Option<State>) -> Start {
        let services = &self.slot.place.services;
        Start {
            instance: self.slot.name.to_string(),
            host_version: env!("CARGO_PKG_VERSION").to_owned(),
            config: loaded.config.clone(),
            reason: why.to_owned(),
            attempt: self.attempt,
            state,
            connections: services
                .sockets
                .list()
                .into_iter()
                .map(|(id, url)| (id.0, url))
                .collect(),
            timers: services
                .timers
                .list()
                .into_iter()
                .map(|(id, tag)| (id.0, tag))
                .collect(),
        }
    }

    /// Puts rights, limits and schemas of a version in force.
    fn enforce(&self, loaded: &Arc<Loaded>) {
        let slot = &self.slot;
        slot.instance.store(loaded.instance.clone());
        slot.loaded.store(Some(loaded.clone()));
        slot.place.set_limits(&loaded.instance.limits);
        slot.place.services.update(loaded.rights.clone());
        self.bus.schemas().withdraw(&slot.name);
        for (kind, schema) in &loaded.package.manifest.kinds {
            if let Err(error) = self.bus.schemas().declare(&slot.name, kind.clone(), schema) {
                tracing::error!(instance = slot.name.as_str(), kind = kind.as_str(), %error, "the schema of a kind was not taken");
            }
        }
    }

    /// From now on this runs.
    fn open(&mut self, loaded: &Arc<Loaded>, phase: Phase) {
        let door = match &phase {
            Phase::Down { .. } => None,
            Phase::Single(_) => Some(Arc::new(Door::Mailbox(self.job_sender.clone()))),
            Phase::Pooled(pool) => Some(Arc::new(Door::Pool(pool.clone()))),
        };
        self.phase = phase;
        self.pending = None;
        self.history.started(Instant::now());
        let topics = loaded.permissions.subscriptions();
        let subscribes = loaded.compiled.subscriber.is_some() && !topics.is_empty();
        let filter = Filter {
            topics: topics.to_vec(),
            ..Filter::default()
        };
        self.tap = match (subscribes, self.tap.take()) {
            (true, Some((tapped, tap))) if tapped == topics => Some((tapped, tap)),
            (true, _) => Some((topics.to_vec(), self.bus.tap(filter, TAP_CAPACITY))),
            (false, _) => None,
        };
        self.slot.door.store(door);
        self.slot.set_state(PluginState::Running);
    }

    /// A guest failed, and was dropped: back to the version before, or the next move. `inputs` are what it failed on.
    async fn settle(&mut self, trouble: &Trouble, inputs: Vec<(Input, u32)>) {
        self.slot.door.store(None);
        self.phase = Phase::DOWN;
        let why = reason(trouble);
        self.slot.place.replies.fail_all("the plugin failed");
        if let Some(trial) = self.trial.take()
            && Instant::now() < trial.until
        {
            self.suspects.put_back(inputs);
            return self.roll_back(trial, why).await;
        }
        let crash = matches!(trouble, Trouble::Fault(_));
        if crash {
            let skipped = self.suspects.blame(inputs);
            if skipped > 0 {
                metrics::counter!("hearthgate_guest_poison_inputs_total", "instance" => self.slot.name.to_string()).increment(skipped as u64);
                tracing::error!(
                    instance = self.slot.name.as_str(),
                    skipped,
                    "inputs are skipped: the plugin crashed on them twice"
                );
            }
        }
        let next = self
            .history
            .next(&setback(trouble), Instant::now(), rand::random());
        let secrets = self.loaded.as_ref().map(|l| l.rights.secrets.fingerprint());
        let (state, until) = match next {
            Next::Retry(after) => {
                let millis = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
                let retry_at = Timestamp::from_millis(Timestamp::now().as_millis() + millis);
                (
                    PluginState::Waiting {
                        reason: why,
                        retry_at,
                    },
                    Some(Instant::now() + after),
                )
            }
            Next::Park => (PluginState::Parked { reason: why }, None),
            Next::Fail => (PluginState::Failed { reason: why }, None),
        };
        // After a crash the sockets are offered to the next guest; else nobody would come for them.
        if !(crash && until.is_some()) {
            self.slot.place.services.close();
        }
        let parked = matches!(state, PluginState::Parked { .. });
        self.phase = Phase::Down {
            until,
            secrets: secrets.filter(|_| parked),
        };
        self.attempt = self.attempt.saturating_add(1);
        self.slot.set_state(state);
    }

    /// Saves nothing, keeps nothing: there is nothing to run, or the gateway stops.
    async fn shut(&mut self, state: PluginState) {
        self.slot.door.store(None);
        self.tap = None;
        self.trial = None;
        match std::mem::replace(&mut self.phase, Phase::DOWN) {
            Phase::Single(guest) => guest.stop().await,
            Phase::Pooled(pool) => pool.stop().await,
            Phase::Down { .. } => {}
        }
        self.slot.place.services.close();
        self.slot.place.replies.fail_all("stopped");
        while let Ok(job) = self.jobs.try_recv() {
            let answer = Answer::Unavailable("stopped".to_owned());
            self.slot.place.replies.answer(job.id, answer);
        }
        self.bus.schemas().withdraw(&self.slot.name);
        self.slot.set_state(state);
    }

    fn note_depth(&self) {
        let depth = self.inputs.len() + self.jobs.len();
        self.slot.depth.store(depth, Ordering::Relaxed);
    }
}
