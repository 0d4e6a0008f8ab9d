//! `bus`: publishing.

use crate::plugins::admission::Refused;
use crate::plugins::bindings::host::bus::{Host, Refusal};
use crate::plugins::bindings::host::types::Event;
use crate::plugins::context::Context;

/// After so long a publisher may try again whom the gateway had no room for.
const BUSY_MILLIS: u64 = 1000;

impl Host for Context {
    async fn publish(&mut self, events: Vec<Event>) -> wasmtime::Result<Result<u64, Refusal>> {
        let published = self.place.admission.publish(&self.permissions, events);
        // Nothing is accepted while it waits for room, so all of it can be tried again.
        let busy = Err(Refused::Refusal(Refusal::Throttled(BUSY_MILLIS)));
        let published = tokio::time::timeout(self.patience(), published).await;
        Ok(match published.unwrap_or(busy) {
            Ok(seq) => Ok(seq),
            Err(Refused::Refusal(refusal)) => Err(refusal),
            Err(Refused::Denied(denied)) => {
                self.place.denied(&denied.reason);
                Err(Refusal::NotGranted(denied.reason))
            }
        })
    }
}
