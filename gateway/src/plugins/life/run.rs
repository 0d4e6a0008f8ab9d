//! The task's loop: waits for one thing, does it, waits again.

use super::pace::portions;
use super::{Control, FIRST, Life, Phase, SECRET_CHECK};
use crate::bus::TapBatch;
use crate::plugins::convert;
use crate::plugins::guest::{Cause, Fault, Guest, Trouble};
use crate::plugins::input::Input;
use crate::plugins::job::Job;
use crate::plugins::replies::Answer;
use crate::plugins::status::PluginState;
use crate::plugins::suspects::is_of_file;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Most inputs of one call.
const MAX_BATCH: usize = 64;
/// How often the state of a version on probation is saved.
pub(super) const SAVE_EVERY: Duration = Duration::from_secs(1);

/// What the task was woken by.
enum Wake {
    Control(Option<Control>),
    Input(Input),
    Suspect,
    Job(Job),
    Events(Option<TapBatch>),
    Fault(u64, Fault),
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
                Wake::Input(input) => {
                    self.deliver(input).await;
                    self.keep_trial_state().await;
                }
                Wake::Suspect => {
                    if let Some(suspect) = self.suspects.pop() {
                        self.feed(vec![suspect]).await;
                    }
                }
                Wake::Job(job) => {
                    self.job(job).await;
                    self.keep_trial_state().await;
                }
                Wake::Events(Some(batch)) => self.events(batch).await,
                Wake::Events(None) => self.tap = None,
                Wake::Fault(generation, fault) => self.pool_fault(generation, fault).await,
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
            Some((generation, fault)) = self.faults.recv() => Wake::Fault(generation, fault),
            () = sleep_until(at) => Wake::Time,
        }
    }

    /// Everything that waits, up to a bound, in one call. The bound is in bytes too: all of it is copied into the
    /// guest's memory at once, and must be worked through within the time of a call.
    async fn deliver(&mut self, first: Input) {
        let most = self.pace.portion(self.slot.place.limits().receive_bytes);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        let mut next = Some(first);
        while let Some(input) = next.take() {
            if self.is_stale(&input) {
                // The file is followed anew, from where it comes again.
            } else if self.suspects.is_struck(&input) {
                // A guest crashed on these lines before: alone, so that nothing else is blamed for them.
                self.suspects.wait_alone(input);
                break;
            } else {
                bytes += input.weight();
                batch.push((input, 0));
            }
            if batch.len() < MAX_BATCH && bytes < most {
                next = self.inputs.try_recv().ok();
            }
        }
        self.feed(batch).await;
        if self.inputs.is_empty() && self.suspects.is_empty() {
            self.orphans.forget();
        }
    }

    /// The end, or that of the file: the state is kept for the next start.
    async fn end(&mut self, state: PluginState) {
        if let Some(pending) = self.pending.take() {
            self.keepsake.keep(&pending);
        } else if let Phase::Single(guest) = &mut self.phase {
            match guest.save().await {
                Ok(Some(state)) => self.keepsake.keep(&state),
                Ok(None) => {}
                Err(fault) => {
                    tracing::warn!(instance = self.slot.name.as_str(), %fault, "a plugin crashed while saving its state");
                }
            }
        }
        self.shut(state).await;
    }

    /// For a guest that takes nothing over: it follows its files from its own cursors, so what the one before had not
    /// seen yet, or had seen and not kept, comes again from there, and must not come twice.
    pub(super) fn close_files(&mut self) {
        self.slot.place.services.files.close();
        self.suspects.forget_files();
        self.stale = self.inputs.len();
    }

    /// Whether an input was left behind by a file that is not followed any more. To be asked once for each input.
    fn is_stale(&mut self, input: &Input) -> bool {
        let old = self.stale > 0;
        self.stale = self.stale.saturating_sub(1);
        old && is_of_file(input)
    }

    /// On probation: the newest state is kept, so that going back resumes from there, not from the start of the
    /// probation. Only where the old version can read it.
    async fn keep_trial_state(&mut self) {
        let (Phase::Single(guest), Some(trial)) = (&mut self.phase, &mut self.trial) else {
            return;
        };
        let schema = trial.state.as_ref().map(|state| state.schema);
        if schema.is_none() || Instant::now() < trial.save_at {
            return;
        }
        trial.save_at = Instant::now() + SAVE_EVERY;
        match guest.save().await {
            Ok(Some(state)) if Some(state.schema) == schema => trial.state = Some(state),
            Ok(_) => {}
            Err(fault) => self.fail(Trouble::Fault(fault), Vec::new()).await,
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
        let bytes = batch.iter().map(|(input, _)| input.weight()).sum();
        let limits = guest.begin();
        let begun = Instant::now();
        let call = source.call_on_input(&mut guest.store, &inputs);
        let done = timeout(limits.call_timeout, call).await;
        // The guest's own time: its host's, for a durable write or a command, says nothing of the portion.
        let took = begun.elapsed().min(guest.used());
        let trouble = match guest.settle("on-input", done) {
            Ok(Ok(())) => {
                let (allowed, most) = (limits.call_time, limits.receive_bytes);
                return self.pace.ended(bytes, took, allowed, most);
            }
            Ok(Err(failure)) => Trouble::Failure(failure),
            Err(fault) => Trouble::Fault(fault),
        };
        if matches!(&trouble, Trouble::Fault(fault) if fault.cause == Cause::Late) {
            self.pace.late();
        }
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
        let mut seen = batch.events;
        seen.retain(|e| loaded.permissions.may_see(e));
        let most = self.slot.place.limits().receive_bytes;
        for events in portions(&seen, MAX_BATCH, most) {
            let events: Vec<_> = events.iter().map(|e| convert::published(e)).collect();
            let told = async |guest: &mut Guest| {
                let Some(subscriber) = guest.subscriber.clone() else {
                    return Ok(Ok(()));
                };
                let limits = guest.begin();
                let call = subscriber.call_on_events(&mut guest.store, &events);
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

    /// A fault costs a pool one guest; a new version goes back all the same, unless it was a guest of the version before.
    async fn pool_fault(&mut self, generation: u64, fault: Fault) {
        let Phase::Pooled(pool) = &self.phase else {
            return;
        };
        if pool.generation != generation {
            return;
        }
        self.slot
            .set_error(&crate::plugins::lines::escape(&fault.to_string(), 1024));
        if self.trial.is_some() {
            self.fail(Trouble::Fault(fault), Vec::new()).await;
        }
    }

    /// Drops the guest and decides what comes next. A guest that is whole is stopped first.
    async fn fail(&mut self, trouble: Trouble, inputs: Vec<(Input, u32)>) {
        self.slot.door.store(None);
        match (std::mem::replace(&mut self.phase, Phase::DOWN), &trouble) {
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
            return self.start("restarted", self.pending.clone()).await;
        }
        let now = self.loaded.as_ref().map(|l| l.rights.secrets.fingerprint());
        if before.is_some() && now != before {
            tracing::info!(
                instance = self.slot.name.as_str(),
                "a secret changed: the plugin is tried again"
            );
            self.start("restarted", self.pending.clone()).await;
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
