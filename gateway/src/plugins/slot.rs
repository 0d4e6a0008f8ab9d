//! A slot: what the rest of the gateway sees of an instance. Its task (`life`) owns the guest; the slot holds the ways
//! to it, and what operators are shown.

use super::announce::Announcer;
use super::api::CallError;
use super::interfaces::Role;
use super::job::{Job, Work};
use super::life::Control;
use super::loaded::Loaded;
use super::place::Place;
use super::pool::Pool;
use super::replies::Answer;
use super::status::{Binary, PluginState, PluginStatus, ReloadOutcome, grants_json, limits_json};
use crate::config::{self, Instance};
use crate::event::InstanceName;
use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// How jobs get to a guest.
pub(super) enum Door {
    /// In turn with the inputs of a source.
    Mailbox(mpsc::Sender<Job>),
    /// To whichever guest of a pool is free.
    Pool(Arc<Pool>),
}

/// What operators are shown.
#[derive(Debug, Default)]
struct Shown {
    state: Option<PluginState>,
    last_error: Option<String>,
    last_reload: Option<ReloadOutcome>,
}

/// What the rest of the gateway sees of an instance.
pub(super) struct Slot {
    /// The instance's name.
    pub(super) name: InstanceName,
    /// What the operator wrote, as it is in force.
    pub(super) instance: ArcSwap<Instance>,
    /// Where its guests work.
    pub(super) place: Arc<Place>,
    /// The way to its task.
    pub(super) control: mpsc::Sender<Control>,
    /// The way to its guests, while there are any.
    pub(super) door: ArcSwapOption<Door>,
    /// What runs.
    pub(super) loaded: ArcSwapOption<Loaded>,
    /// Inputs and jobs that wait.
    pub(super) depth: AtomicUsize,
    /// How often a guest was started again after a crash.
    pub(super) restarts: AtomicU64,
    pub(super) announcer: Announcer,
    /// Its task, to be cut off where it does not end by itself.
    pub(super) task: OnceLock<AbortHandle>,
    shown: Mutex<Shown>,
}

impl Slot {
    pub(super) fn new(
        instance: Arc<Instance>,
        place: Arc<Place>,
        control: mpsc::Sender<Control>,
        announcer: Announcer,
    ) -> Self {
        Self {
            name: instance.name.clone(),
            instance: ArcSwap::new(instance),
            place,
            control,
            door: ArcSwapOption::empty(),
            loaded: ArcSwapOption::empty(),
            depth: AtomicUsize::new(0),
            restarts: AtomicU64::new(0),
            announcer,
            task: OnceLock::new(),
            shown: Mutex::default(),
        }
    }

    /// Ends the task at once, and with it the guest and all that it opened.
    pub(super) fn cut_off(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        self.door.store(None);
        self.place.replies.fail_all("stopped");
    }

    /// Whether what runs offers a role.
    pub(super) fn has(&self, role: Role) -> bool {
        self.loaded
            .load()
            .as_ref()
            .is_some_and(|l| l.package.roles.contains(&role))
    }

    /// Has a job done and waits for its answer.
    ///
    /// # Errors
    /// The instance is away or busy, or failed.
    pub(super) async fn ask(&self, work: Work) -> Result<Answer, CallError> {
        let Some(mut waiting) = self.place.replies.open() else {
            return Err(self.unavailable("busy"));
        };
        let job = Job {
            id: waiting.id,
            work,
        };
        match self.door.load_full().as_deref() {
            None => return Err(self.unavailable(&self.why_away())),
            Some(Door::Mailbox(mailbox)) => {
                if mailbox.try_send(job).is_err() {
                    return Err(self.unavailable("busy"));
                }
            }
            Some(Door::Pool(pool)) => pool.run(job).await,
        }
        // A call has its own limit; what is waited for here is the turn, and a late answer.
        let patience = self.place.limits().call_timeout * 2;
        match tokio::time::timeout(patience, &mut waiting.answer).await {
            Ok(Ok(Answer::Failed(reason))) => Err(CallError::Failed {
                instance: self.name.clone(),
                reason,
            }),
            Ok(Ok(Answer::Internal(reason))) => {
                tracing::error!(
                    instance = self.name.as_str(),
                    reason,
                    "the gateway failed at a call"
                );
                Err(CallError::Internal {
                    instance: self.name.clone(),
                    reason,
                })
            }
            Ok(Ok(Answer::TimedOut(reason))) => Err(self.timed_out(&reason)),
            Ok(Ok(Answer::Unavailable(reason))) => Err(self.unavailable(&reason)),
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(self.unavailable("stopped")),
            Err(_) => Err(self.timed_out("no answer came within twice limits.call-timeout")),
        }
    }

    fn timed_out(&self, reason: &str) -> CallError {
        CallError::TimedOut {
            instance: self.name.clone(),
            reason: reason.to_owned(),
        }
    }

    fn unavailable(&self, reason: &str) -> CallError {
        CallError::Unavailable {
            instance: self.name.clone(),
            reason: reason.to_owned(),
        }
    }

    fn why_away(&self) -> String {
        let shown = self.shown.lock();
        shown
            .state
            .as_ref()
            .map_or("starting", PluginState::name)
            .to_owned()
    }

    /// Another state: shown, logged, counted, and announced as an event.
    pub(super) fn set_state(&self, state: PluginState) {
        let mut shown = self.shown.lock();
        if shown.state.as_ref() == Some(&state) {
            return;
        }
        if let Some(reason) = state.reason() {
            shown.last_error = Some(reason.to_owned());
        }
        shown.state = Some(state.clone());
        drop(shown);
        let (instance, name) = (self.name.as_str(), state.name());
        match (&state, state.reason()) {
            (PluginState::Waiting { .. } | PluginState::Missing { .. }, Some(reason)) => {
                tracing::warn!(instance, state = name, reason, "plugin state");
            }
            (_, Some(reason)) => tracing::error!(instance, state = name, reason, "plugin state"),
            (_, None) => tracing::info!(instance, state = name, "plugin state"),
        }
        metrics::counter!("hearthgate_guest_state_changes_total", "instance" => self.name.to_string(), "state" => name).increment(1);
        let up = f64::from(u8::from(state == PluginState::Running));
        metrics::gauge!("hearthgate_guest_up", "instance" => self.name.to_string()).set(up);
        self.announcer.state(self, &state);
    }

    /// An error that changed no state.
    pub(super) fn set_error(&self, reason: &str) {
        self.shown.lock().last_error = Some(reason.to_owned());
    }

    /// The last failure or refusal.
    pub(super) fn last_error(&self) -> Option<String> {
        self.shown.lock().last_error.clone()
    }

    /// How a reload went: shown, logged, counted, and announced as an event.
    pub(super) fn set_reload(&self, outcome: &ReloadOutcome) {
        let instance = self.name.as_str();
        let label = match outcome {
            ReloadOutcome::Reloaded {
                from,
                to,
                state,
                pause_ms,
                ..
            } => {
                tracing::info!(instance, from, to, ?state, pause_ms, "plugin reloaded");
                metrics::histogram!("hearthgate_guest_reload_pause_seconds")
                    .record(pause_ms / 1000.0);
                "reloaded"
            }
            ReloadOutcome::Refused { reason, .. } => {
                tracing::error!(instance, reason, "plugin reload refused");
                "refused"
            }
            ReloadOutcome::RolledBack { hash, reason, .. } => {
                tracing::error!(instance, hash, reason, "plugin reload rolled back");
                "rolled_back"
            }
        };
        metrics::counter!("hearthgate_guest_reloads_total", "instance" => self.name.to_string(), "outcome" => label).increment(1);
        self.shown.lock().last_reload = Some(outcome.clone());
        self.announcer.reload(self, outcome);
    }

    /// Everything that operators are shown.
    pub(super) fn status(&self) -> PluginStatus {
        let instance = self.instance.load();
        let shown = self.shown.lock();
        PluginStatus {
            instance: self.name.to_string(),
            plugin: instance.plugin.clone(),
            role: match instance.role {
                config::Role::Source => "source",
                config::Role::Handler => "handler",
            },
            state: shown.state.clone().unwrap_or(PluginState::Starting),
            binary: self.loaded.load().as_ref().map(|l| Binary {
                version: l.version().to_owned(),
                hash: l.package.hash.to_string(),
                roles: l.package.roles.iter().map(|r| r.name()).collect(),
            }),
            grants: grants_json(&instance.grants),
            limits: limits_json(&instance.limits),
            memory_bytes: self.place.memory.load(Ordering::Relaxed),
            mailbox_depth: self.depth.load(Ordering::Relaxed),
            restarts: self.restarts.load(Ordering::Relaxed),
            last_error: shown.last_error.clone(),
            last_reload: shown.last_reload.clone(),
        }
    }

    /// Brings the gauges up to date.
    pub(super) fn measure(&self) {
        let label = self.name.to_string();
        let gauge = |value: f64, name: &'static str| {
            metrics::gauge!(name, "instance" => label.clone()).set(value)
        };
        gauge(
            self.place.memory.load(Ordering::Relaxed) as f64,
            "hearthgate_guest_memory_bytes",
        );
        gauge(
            self.depth.load(Ordering::Relaxed) as f64,
            "hearthgate_guest_mailbox_depth",
        );
    }
}
