//! One guest: a store, its exports, and calls that always end.

use super::bindings::exports::hearthgate::plugin as exports;
use super::bindings::host::types::{Failure, State};
use super::context::{Context, OutOfTime, arm};
use super::loaded::Loaded;
use super::place::Place;
use super::replies::Answer;
use crate::auth::Caller;
use std::sync::Arc;
use tokio::time::error::Elapsed;
use wasmtime::{Store, Trap};

pub(super) use exports::lifecycle::{Adopted, Start};

/// What stands for an export while there is no guest yet.
const INSTANTIATE: &str = "instantiate";

/// A guest that has to be thrown away: it trapped, or a call was cut off, so nobody knows what its memory holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{export}: {reason}")]
pub(super) struct Fault {
    /// The export that was called.
    pub(super) export: &'static str,
    /// What happened.
    pub(super) reason: String,
    /// Whose fault it is.
    pub(super) cause: Cause,
}

/// Whose fault it is that a guest is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The guest's: it trapped.
    Trap,
    /// The guest's: it ran over its time, of the processor or by the clock.
    Late,
    /// The gateway's: its engine could not make another guest, for want of memory for one.
    Engine,
}

impl Fault {
    /// What the one who asked is told.
    pub(super) fn answer(&self) -> Answer {
        match self.cause {
            Cause::Late => Answer::TimedOut(self.to_string()),
            Cause::Trap => Answer::Failed(self.to_string()),
            Cause::Engine => Answer::Internal(self.to_string()),
        }
    }
}

/// A call that did not do its work.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The guest says so, and is whole.
    Failure(Failure),
    /// The guest is lost.
    Fault(Fault),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// One guest.
pub(super) struct Guest {
    pub(super) store: Store<Context>,
    pub(super) lifecycle: exports::lifecycle::Guest,
    pub(super) source: Option<exports::source::Guest>,
    pub(super) subscriber: Option<exports::subscriber::Guest>,
    pub(super) handler: Option<exports::message_handler::Guest>,
    pub(super) routes: Option<exports::routes::Guest>,
    pub(super) dialect: Option<exports::dialect::Guest>,
    begun: std::time::Instant,
}

impl Guest {
    /// Instantiates a guest. Nothing of the contract is called yet.
    pub(super) async fn new(
        engine: &wasmtime::Engine,
        loaded: &Loaded,
        place: &Arc<Place>,
    ) -> Result<Self, Fault> {
        let mut store = Context::store(engine, place, loaded);
        let limits = &loaded.instance.limits;
        arm(&mut store, limits.call_time);
        let code = &loaded.compiled;
        let made =
            tokio::time::timeout(limits.init_timeout, code.pre.instantiate_async(&mut store));
        let instance = explain(INSTANTIATE, made.await)?;
        let bad = |e: wasmtime::Error| Fault {
            export: INSTANTIATE,
            reason: format!("{e:#}"),
            cause: Cause::Engine,
        };
        macro_rules! role {
            ($role:ident) => {
                match &code.$role {
                    Some(indices) => Some(indices.load(&mut store, &instance).map_err(bad)?),
                    None => None,
                }
            };
        }
        Ok(Self {
            lifecycle: code.lifecycle.load(&mut store, &instance).map_err(bad)?,
            source: role!(source),
            subscriber: role!(subscriber),
            handler: role!(handler),
            routes: role!(routes),
            dialect: role!(dialect),
            begun: std::time::Instant::now(),
            store,
        })
    }

    /// `init`, within its own wall-clock limit.
    pub(super) async fn init(&mut self, start: &Start) -> Result<Adopted, Trouble> {
        let limits = self.begin();
        // Parsing a configuration and preparing tables takes longer than one input does.
        arm(&mut self.store, limits.call_time * 10);
        self.store.data_mut().deadline = tokio::time::Instant::now() + limits.init_timeout;
        let call = self.lifecycle.call_init(&mut self.store, start);
        let done = tokio::time::timeout(limits.init_timeout, call).await;
        self.settle("init", done)?.map_err(Trouble::Failure)
    }

    /// `save`, within the time of a call and the size limit. `Ok(None)`: it has none.
    pub(super) async fn save(&mut self) -> Result<Option<State>, Fault> {
        let limits = self.begin();
        let call = self.lifecycle.call_save(&mut self.store);
        let done = tokio::time::timeout(limits.call_timeout, call).await;
        match self.settle("save", done)? {
            Ok(Some(state)) if state.data.len() as u64 > limits.state => {
                let (instance, bytes) = (self.place().name.to_string(), state.data.len());
                tracing::warn!(
                    instance,
                    bytes,
                    limit = limits.state,
                    "state is too large and is dropped (limits.state)"
                );
                Ok(None)
            }
            Ok(state) => Ok(state),
            Err(reason) => {
                let reason = super::lines::escape(&reason, 512);
                tracing::warn!(
                    instance = self.place().name.as_str(),
                    reason,
                    "a plugin could not save its state"
                );
                Ok(None)
            }
        }
    }

    /// `reconfigure`.
    pub(super) async fn reconfigure(&mut self, config: &String) -> Result<bool, Trouble> {
        let limits = self.begin();
        let call = self.lifecycle.call_reconfigure(&mut self.store, config);
        let done = tokio::time::timeout(limits.call_timeout, call).await;
        self.settle("reconfigure", done)?.map_err(Trouble::Failure)
    }

    /// `stop`, whatever comes of it: the guest is dropped afterwards.
    pub(super) async fn stop(mut self) {
        self.store.data_mut().retired = true;
        let limits = self.begin();
        let call = self.lifecycle.call_stop(&mut self.store);
        let done = tokio::time::timeout(limits.call_timeout, call).await;
        if let Err(fault) = self.settle("stop", done) {
            tracing::warn!(instance = self.place().name.as_str(), %fault, "a plugin failed while it was stopped");
        }
    }

    /// Where it works.
    pub(super) fn place(&self) -> Arc<Place> {
        self.store.data().place.clone()
    }

    /// Gives the next call its time.
    pub(super) fn begin(&mut self) -> Arc<crate::config::Limits> {
        let limits = self.store.data().place.limits();
        arm(&mut self.store, limits.call_time);
        let context = self.store.data_mut();
        context.deadline = tokio::time::Instant::now() + limits.call_timeout;
        context.via.clear();
        context.reader = None;
        self.begun = std::time::Instant::now();
        limits
    }

    /// At most what the last call has used of its processor time.
    pub(super) fn used(&self) -> std::time::Duration {
        let limits = self.store.data().place.limits();
        super::context::used(&self.store, limits.call_time)
    }

    /// From here on the current call sees the retained state that this caller may read.
    pub(super) fn read_for(&mut self, caller: &Caller) {
        let context = self.store.data_mut();
        let accounts = &context.place.around.accounts;
        context.reader = Some(accounts.access(caller.identity().map(AsRef::as_ref)));
    }

    /// How a call ended; counts it.
    pub(super) fn settle<R>(
        &mut self,
        export: &'static str,
        done: Result<wasmtime::Result<R>, Elapsed>,
    ) -> Result<R, Fault> {
        let mut result = explain(export, done);
        if let Err(fault) = &mut result
            && let Some(words) = self.store.data().words.shown()
        {
            fault.reason = format!("{}; it said: {words}", fault.reason);
        }
        self.store
            .data()
            .place
            .calls
            .ended(self.begun, result.is_err());
        result
    }
}

fn explain<R>(
    export: &'static str,
    done: Result<wasmtime::Result<R>, Elapsed>,
) -> Result<R, Fault> {
    let (cause, reason) = match done {
        Ok(Ok(value)) => return Ok(value),
        Err(_) => (
            Cause::Late,
            "took too long (limits.call-timeout, or init-timeout for init)".to_owned(),
        ),
        Ok(Err(error)) if error.downcast_ref::<OutOfTime>().is_some() => {
            (Cause::Late, OutOfTime.to_string())
        }
        Ok(Err(error)) => match error.downcast_ref::<Trap>() {
            Some(trap) => (Cause::Trap, format!("trapped: {trap}")),
            None if export == INSTANTIATE => (Cause::Engine, error.root_cause().to_string()),
            None => (Cause::Trap, format!("trapped: {}", error.root_cause())),
        },
    };
    Err(Fault {
        export,
        reason,
        cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a call that ended with this error is told.
    fn told(export: &'static str, error: wasmtime::Error) -> Answer {
        let fault = explain::<()>(export, Ok(Err(error))).expect_err("an error");
        fault.answer()
    }

    #[test]
    fn a_guest_that_the_engine_can_not_make_is_the_gateways_fault_and_a_trap_is_not() {
        let no_room = || wasmtime::Error::msg("failed to reserve memory");
        assert!(matches!(told(INSTANTIATE, no_room()), Answer::Internal(_)));
        assert!(matches!(told("handle", no_room()), Answer::Failed(_)));
        let trap = wasmtime::Error::from(Trap::UnreachableCodeReached);
        assert!(matches!(told(INSTANTIATE, trap), Answer::Failed(_)));
        let late = wasmtime::Error::new(OutOfTime);
        assert!(matches!(told(INSTANTIATE, late), Answer::TimedOut(_)));
    }
}
