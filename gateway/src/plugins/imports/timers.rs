//! `timers`: ticks that arrive as inputs.

use crate::plugins::bindings::host::timers::Host;
use crate::plugins::context::Context;
use crate::plugins::input::TimerId;
use std::time::Duration;

impl Host for Context {
    fn after(&mut self, delay: u64, tag: String) -> wasmtime::Result<Result<u64, String>> {
        let set = self
            .place
            .services
            .timers
            .after(Duration::from_millis(delay), tag);
        Ok(set.map(|id| id.0))
    }

    fn every(&mut self, period: u64, tag: String) -> wasmtime::Result<Result<u64, String>> {
        let set = self
            .place
            .services
            .timers
            .every(Duration::from_millis(period), tag);
        Ok(set.map(|id| id.0))
    }

    fn cancel(&mut self, id: u64) -> wasmtime::Result<()> {
        if !self.retired {
            self.place.services.timers.cancel(TimerId(id));
        }
        Ok(())
    }
}
