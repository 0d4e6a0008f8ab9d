//! `timers`: ticks that arrive as inputs.

use crate::plugins::bindings::host::timers::Host;
use crate::plugins::context::Context;
use crate::plugins::input::TimerId;
use crate::plugins::services::timers::Timers;
use std::time::Duration;

impl Context {
    fn timer(
        &self,
        set: impl FnOnce(&Timers) -> Result<TimerId, String>,
    ) -> wasmtime::Result<Result<u64, String>> {
        if self.retired {
            return Ok(Err("the plugin is being stopped".to_owned()));
        }
        let set = set(&self.place.services.timers);
        if let Err(reason) = &set {
            self.place.over_limit(reason);
        }
        Ok(set.map(|id| id.0))
    }
}

impl Host for Context {
    fn after(&mut self, delay: u64, tag: String) -> wasmtime::Result<Result<u64, String>> {
        self.timer(|timers| timers.after(Duration::from_millis(delay), tag))
    }

    fn every(&mut self, period: u64, tag: String) -> wasmtime::Result<Result<u64, String>> {
        self.timer(|timers| timers.every(Duration::from_millis(period), tag))
    }

    fn cancel(&mut self, id: u64) -> wasmtime::Result<()> {
        if !self.retired {
            self.place.services.timers.cancel(TimerId(id));
        }
        Ok(())
    }
}
