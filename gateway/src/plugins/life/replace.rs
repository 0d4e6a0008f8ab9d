//! Hot reload: the new version takes over from the old one, or the old one goes on as if nothing had happened.
//!
//! Everything that takes long was done before (`reload`): here the mailbox waits. Steps 4 to 8 of the design.

use super::run::SAVE_EVERY;
use super::{FIRST, Life, Phase, Trial};
use crate::event::Timestamp;
use crate::plugins::guest::{Fault, Guest, Trouble};
use crate::plugins::loaded::Loaded;
use crate::plugins::pool::Pool;
use crate::plugins::setback::reason;
use crate::plugins::status::{ReloadOutcome, StateHandover};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

impl Life {
    /// Runs `loaded` in place of what runs.
    pub(super) async fn replace(
        &mut self,
        loaded: Arc<Loaded>,
        guest: Option<Box<Guest>>,
        why: &'static str,
        probation: Duration,
    ) -> ReloadOutcome {
        self.history.forget();
        self.suspects.forget();
        self.attempt = 0;
        self.trial = None;
        match (std::mem::replace(&mut self.phase, Phase::DOWN), guest) {
            (Phase::Single(old), Some(new)) => {
                self.hand_over(old, new, loaded, why, probation).await
            }
            (Phase::Pooled(old), _) if !loaded.is_source() => {
                self.change_pool(old, loaded, why, probation).await
            }
            (old, _) => self.begin_anew(old, loaded).await,
        }
    }

    /// From guest to guest, with state, sockets and timers.
    async fn hand_over(
        &mut self,
        mut old: Box<Guest>,
        mut new: Box<Guest>,
        loaded: Arc<Loaded>,
        why: &'static str,
        probation: Duration,
    ) -> ReloadOutcome {
        let paused = Instant::now();
        let before = self.loaded.clone();
        let saved = old.save().await;
        let (state, old) = match saved {
            Ok(state) => (state, Some(old)),
            Err(fault) => {
                tracing::warn!(instance = self.slot.name.as_str(), %fault, "a plugin crashed while saving its state");
                self.slot.set_error(&reason(&Trouble::Fault(fault)));
                (None, None)
            }
        };
        self.enforce(&loaded);
        let start = self.start_record(&loaded, why, state.clone());
        self.slot.place.services.files.prepare();
        let (connections, timers) = match self.init(&mut new, &start).await {
            Ok(adopted) => adopted,
            Err(trouble) => {
                drop(new);
                self.slot.place.services.files.discard();
                return self
                    .keep_old(old, before, &loaded, state, &start, &trouble)
                    .await;
            }
        };
        self.slot.place.services.files.commit();
        self.loaded = Some(loaded.clone());
        self.open(&loaded, Phase::Single(new));
        let pause = paused.elapsed();
        if let Some(old) = old {
            tokio::spawn(old.stop());
        }
        let handover = if start.state.is_some() {
            StateHandover::Kept
        } else {
            StateHandover::Dropped
        };
        let from = before
            .as_ref()
            .map_or_else(String::new, |b| b.version().to_owned());
        if let Some(old) = before.filter(|b| b.package.hash != loaded.package.hash) {
            self.trial = Some(Trial {
                old,
                state,
                until: Instant::now() + probation,
                save_at: Instant::now() + SAVE_EVERY,
            });
        }
        ReloadOutcome::Reloaded {
            from,
            to: loaded.version().to_owned(),
            hash: loaded.package.hash.to_string(),
            state: handover,
            connections,
            timers,
            pause_ms: pause.as_secs_f64() * 1000.0,
            at: Timestamp::now(),
        }
    }

    /// The new guest failed in `init`: the old one was only paused, and goes on.
    async fn keep_old(
        &mut self,
        old: Option<Box<Guest>>,
        before: Option<Arc<Loaded>>,
        failed: &Loaded,
        state: Option<crate::plugins::bindings::host::types::State>,
        offered: &crate::plugins::guest::Start,
        trouble: &Trouble,
    ) -> ReloadOutcome {
        let services = &self.slot.place.services;
        let opened = services.sockets.list().into_iter().map(|(id, _)| id.0);
        let opened = opened
            .filter(|id| !offered.connections.iter().any(|(o, _)| o == id))
            .collect();
        let set = services.timers.list().into_iter().map(|(id, _)| id.0);
        let set = set
            .filter(|id| !offered.timers.iter().any(|(o, _)| o == id))
            .collect();
        self.orphan(opened, set);
        if let Some(before) = before {
            self.enforce(&before);
            self.loaded = Some(before.clone());
            match old {
                Some(old) => self.open(&before, Phase::Single(old)),
                None => self.start("restarted", state).await,
            }
        }
        rolled_back(failed, reason(trouble))
    }

    /// What the next pool tells its faults with.
    pub(super) fn next_pool(&mut self) -> (u64, mpsc::Sender<(u64, Fault)>) {
        self.generation += 1;
        (self.generation, self.fault_sender.clone())
    }

    /// From pool to pool: the old one serves until the new one is there.
    async fn change_pool(
        &mut self,
        old: Arc<Pool>,
        loaded: Arc<Loaded>,
        why: &'static str,
        probation: Duration,
    ) -> ReloadOutcome {
        let before = self.loaded.clone();
        self.enforce(&loaded);
        let (engine, faults) = (self.engine.raw().clone(), self.next_pool());
        let started = Pool::start(&engine, &loaded, &self.slot.place, why, faults).await;
        let new = match started {
            Ok(new) => new,
            Err(trouble) => {
                if let Some(before) = before {
                    self.enforce(&before);
                    self.open(&before, Phase::Pooled(old));
                }
                return rolled_back(&loaded, reason(&trouble));
            }
        };
        self.loaded = Some(loaded.clone());
        self.open(&loaded, Phase::Pooled(new));
        old.stop().await;
        let from = before
            .as_ref()
            .map_or_else(String::new, |b| b.version().to_owned());
        if let Some(old) = before.filter(|b| b.package.hash != loaded.package.hash) {
            self.trial = Some(Trial {
                old,
                state: None,
                until: Instant::now() + probation,
                save_at: Instant::now() + SAVE_EVERY,
            });
        }
        reloaded(&loaded, from)
    }

    /// Nothing ran, or something of another shape.
    async fn begin_anew(&mut self, old: Phase, loaded: Arc<Loaded>) -> ReloadOutcome {
        match old {
            Phase::Single(guest) => guest.stop().await,
            Phase::Pooled(pool) => pool.stop().await,
            Phase::Down { .. } => {}
        }
        let from = self
            .loaded
            .take()
            .map_or_else(String::new, |b| b.version().to_owned());
        self.loaded = Some(loaded.clone());
        let kept = self.keepsake.take().or_else(|| self.pending.take());
        let kept = kept.filter(|_| loaded.is_source());
        self.start(FIRST, kept).await;
        if matches!(self.phase, Phase::Down { .. }) {
            return ReloadOutcome::Refused {
                reason: self.slot.last_error().unwrap_or_default(),
                at: Timestamp::now(),
            };
        }
        reloaded(&loaded, from)
    }

    /// The new version crashed within its probation.
    pub(super) async fn roll_back(&mut self, trial: Trial, why: String) {
        let Some(failed) = self.loaded.replace(trial.old) else {
            return;
        };
        self.slot.set_reload(&rolled_back(&failed, why));
        // Boxed because a start that fails comes back here; the trial is taken, so only once.
        Box::pin(self.start("restarted", trial.state)).await;
    }

    /// Offers a running guest another configuration. `false`: it wants to be replaced.
    pub(super) async fn reconfigure(&mut self, loaded: Arc<Loaded>) -> bool {
        let Phase::Single(guest) = &mut self.phase else {
            return false;
        };
        match guest.reconfigure(&loaded.config).await {
            Ok(true) => {
                self.enforce(&loaded);
                self.loaded = Some(loaded);
                true
            }
            Ok(false) => false,
            Err(trouble) => {
                let why = reason(&trouble);
                tracing::warn!(
                    instance = self.slot.name.as_str(),
                    reason = why,
                    "a plugin did not take its configuration"
                );
                self.slot.set_error(&why);
                if matches!(trouble, Trouble::Fault(_)) {
                    // It is lost; what comes in its place has the new configuration.
                    self.phase = Phase::DOWN;
                }
                false
            }
        }
    }
}

fn rolled_back(failed: &Loaded, reason: String) -> ReloadOutcome {
    ReloadOutcome::RolledBack {
        hash: failed.package.hash.to_string(),
        reason,
        at: Timestamp::now(),
    }
}

/// Without a handover: nothing waited.
fn reloaded(loaded: &Loaded, from: String) -> ReloadOutcome {
    ReloadOutcome::Reloaded {
        from,
        to: loaded.version().to_owned(),
        hash: loaded.package.hash.to_string(),
        state: StateHandover::Dropped,
        connections: 0,
        timers: 0,
        pause_ms: 0.0,
        at: Timestamp::now(),
    }
}
