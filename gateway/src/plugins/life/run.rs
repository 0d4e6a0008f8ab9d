//! The task's loop: waits for one thing, does it, waits again.

use super::{Control, FIRST, Life, Phase, SECRET_CHECK};
use crate::bus::TapBatch;
use crate::plugins::convert;
use crate::plugins::guest::{Fault, Guest, Trouble};
use crate::plugins::input::Input;
use crate::plugins::job::Job;
use crate::plugins::replies::Answer;
use crate::plugins::status::PluginState;
use std::sync::atomic::Ordering;
use tokio::time::{Instant, timeout};

/// Most inputs of one call.
const MAX_BATCH: usize = 64;

/// What the task was woken by.
enum Wake {
    Control(Option<Control>),
    Input(Input),
    Suspect,
    Job(Job),
    Events(Option<TapBatch>),
    Fault(Fault),
    Time,
}

impl Life {
    /// Runs until it is stopped or the slot is gone.
    pub(crate) async fn run(mut self) {
        loop {
            self.note_depth();
            match self.wake().await {
                Wake::Control(None) => {
                    self.shut(PluginState::Stopped).await;
                    return;
                }
                Wake::Control(Some(Control::Stop(done))) => {
                    self.end(PluginState::Stopped).await;
                    let _ = done.send(());
                    return;
                }
                Wake::Control(Some(Control::Missing(reason))) => {
                    self.end(PluginState::Missing { reason }).await;
                    self.loaded = None;
                    self.slot.loaded.store(None);
                }
                Wake::Control(Some(Control::Reconfigure(loaded, done))) => {
                    let taken = self.reconfigure(loaded).await;
                    let _ = done.send(taken);
                }
                Wake::Control(Some(Control::Replace {
                    loaded,
                    guest,
                    reason,
                    probation,
                    done,
                })) => {
                    let outcome = self.replace(loaded, guest, reason, probation).await;
                    if reason != FIRST {
                        self.slot.set_reload(&outcome);
                    }
                    let _ = done.send(outcome);
                }
                Wake::Input(input) => self.deliver(input).await,
                Wake::Suspect => {
                    if let Some(suspect) = self.suspects.pop() {
                        self.feed(vec![suspect]).await;
                    }
                }
                Wake::Job(job) => self.job(job).await,
                Wake::Events(Some(batch)) => self.events(batch).await,
                Wake::Events(None) => self.tap = None,
                Wake::Fault(fault) => self.pool_fault(fault).await,
                Wake::Time => self.time().await,
            }
        }
    }

    async fn wake(&mut self) -> Wake {
        let single = matches!(self.phase, Phase::Single(_));
        let suspects = single && !self.suspects.is_empty();
        let at = match &self.phase {
            Phase::Down {
                until: Some(until), ..
            } => Some(*until),
            Phase::Down {
                secrets: Some(_), ..
            } => Some(Instant::now() + SECRET_CHECK),
            _ => self.trial.as_ref().map(|t| t.until),
        };
        if let Ok(control) = self.control.try_recv() {
            return Wake::Control(Some(control));
        }
        let tap = self.tap.as_mut().map(|(_, tap)| tap);
        let running = !matches!(self.phase, Phase::Down { .. });
        tokio::select! {
            control = self.control.recv() => Wake::Control(control),
            () = std::future::ready(()), if suspects => Wake::Suspect,
            Some(input) = self.inputs.recv(), if single && !suspects => Wake::Input(input),
            Some(job) = self.jobs.recv() => Wake::Job(job),
            batch = next(tap), if running => Wake::Events(batch),
            Some(fault) = self.faults.recv() => Wake::Fault(fault),
            () = sleep_until(at) => Wake::Time,
        }
    }

    /// Everything that waits, up to a bound, in one call.
    async fn deliver(&mut self, first: Input) {
        let mut batch = vec![(first, 0)];
        while batch.len() < MAX_BATCH {
            match self.inputs.try_recv() {
                Ok(input) => batch.push((input, 0)),
                Err(_) => break,
            }
        }
        let drained = batch.len() < MAX_BATCH;
        self.feed(batch).await;
        if drained {
            self.orphans.forget();
        }
    }

    async fn feed(&mut self, mut batch: Vec<(Input, u32)>) {
        batch.retain(|(input, _)| !self.orphans.owns(input) && !self.suspects.is_poison(input));
        let Phase::Single(guest) = &mut self.phase else {
            return self.suspects.put_back(batch);
        };
        if batch.is_empty() {
            return;
        }
        let inputs: Vec<_> = batch
            .iter()
            .map(|(input, _)| convert::input(input))
            .collect();
        let Some(source) = guest.source.clone() else {
            return;
        };
        let limits = guest.begin();
        let call = source.call_on_input(&mut guest.store, &inputs);
        let done = timeout(limits.call_timeout, call).await;
        let trouble = match guest.settle("on-input", done) {
            Ok(Ok(())) => return,
            Ok(Err(failure)) => Trouble::Failure(failure),
            Err(fault) => Trouble::Fault(fault),
        };
        self.fail(trouble, batch).await;
    }

    async fn job(&mut self, job: Job) {
        let Phase::Single(guest) = &mut self.phase else {
            let answer = Answer::Unavailable("not running".to_owned());
            return self.slot.place.replies.answer(job.id, answer);
        };
        if let Err(fault) = guest.run(job).await {
            self.fail(Trouble::Fault(fault), Vec::new()).await;
        }
    }

    async fn events(&mut self, batch: TapBatch) {
        let Some(loaded) = self.loaded.clone() else {
            return;
        };
        if batch.missed > 0 {
            metrics::counter!("hearthgate_guest_events_missed_total", "instance" => self.slot.name.to_string()).increment(batch.missed);
            tracing::warn!(
                instance = self.slot.name.as_str(),
                missed = batch.missed,
                "a subscriber plugin is too slow: events were dropped"
            );
        }
        let seen = batch
            .events
            .iter()
            .filter(|e| loaded.permissions.may_see(e));
        let events: Vec<_> = seen.map(|e| convert::published(e)).collect();
        for events in events.chunks(MAX_BATCH) {
            let told = async |guest: &mut Guest| {
                let Some(subscriber) = guest.subscriber.clone() else {
                    return Ok(Ok(()));
                };
                let limits = guest.begin();
                let call = subscriber.call_on_events(&mut guest.store, events);
                let done = timeout(limits.call_timeout, call).await;
                guest.settle("on-events", done)
            };
            let outcome = match &mut self.phase {
                Phase::Down { .. } => return,
                Phase::Single(guest) => told(guest).await.map_err(Trouble::Fault),
                Phase::Pooled(pool) => pool.with_guest(told).await,
            };
            let pooled = matches!(self.phase, Phase::Pooled(_));
            let trouble = match outcome {
                Ok(Ok(())) => continue,
                // The pool has told of it already, and another guest goes on.
                Err(Trouble::Fault(_)) if pooled => continue,
                Ok(Err(failure)) => Trouble::Failure(failure),
                Err(trouble) => trouble,
            };
            return self.fail(trouble, Vec::new()).await;
        }
    }

    /// A fault costs a pool one guest; a new version goes back all the same.
    async fn pool_fault(&mut self, fault: Fault) {
        self.slot
            .set_error(&crate::plugins::lines::escape(&fault.to_string(), 1024));
        if matches!(self.phase, Phase::Pooled(_)) && self.trial.is_some() {
            self.fail(Trouble::Fault(fault), Vec::new()).await;
        }
    }

    /// Drops the guest and decides what comes next. A guest that is whole is stopped first.
    async fn fail(&mut self, trouble: Trouble, inputs: Vec<(Input, u32)>) {
        let down = Phase::Down {
            until: None,
            secrets: None,
        };
        self.slot.door.store(None);
        match (std::mem::replace(&mut self.phase, down), &trouble) {
            (Phase::Single(guest), Trouble::Failure(_)) => guest.stop().await,
            (Phase::Pooled(pool), _) => pool.stop().await,
            _ => {}
        }
        self.settle(&trouble, inputs).await;
    }

    /// A wait is over: to start again, to look at the secrets, or the probation's.
    async fn time(&mut self) {
        let (due, before) = match &self.phase {
            Phase::Down { until, secrets } => (until.is_some(), *secrets),
            Phase::Single(_) | Phase::Pooled(_) => {
                self.trial = None;
                return;
            }
        };
        if due {
            self.slot.restarts.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("hearthgate_guest_restarts_total", "instance" => self.slot.name.to_string()).increment(1);
            return self.start("restarted", None).await;
        }
        let now = self.loaded.as_ref().map(|l| l.rights.secrets.fingerprint());
        if before.is_some() && now != before {
            tracing::info!(
                instance = self.slot.name.as_str(),
                "a secret changed: the plugin is tried again"
            );
            self.start("restarted", None).await;
        }
    }
}

async fn next(tap: Option<&mut crate::bus::Tap>) -> Option<TapBatch> {
    match tap {
        Some(tap) => tap.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
