//! `bus`: publishing.

use crate::plugins::admission::Refused;
use crate::plugins::bindings::host::bus::{Host, Refusal};
use crate::plugins::bindings::host::types::Event;
use crate::plugins::context::Context;

impl Host for Context {
    async fn publish(&mut self, events: Vec<Event>) -> wasmtime::Result<Result<u64, Refusal>> {
        let published = self.place.admission.publish(&self.permissions, events);
        Ok(match published.await {
            Ok(seq) => Ok(seq),
            Err(Refused::Refusal(refusal)) => Err(refusal),
            Err(Refused::Denied(denied)) => {
                self.place.denied(&denied.reason);
                Err(Refusal::NotGranted(denied.reason))
            }
        })
    }
}
