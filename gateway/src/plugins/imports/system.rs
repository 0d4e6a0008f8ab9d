//! `system`: the machine's figures.

use crate::plugins::bindings::host::system::Host;
use crate::plugins::context::Context;

impl Host for Context {
    async fn snapshot(&mut self) -> wasmtime::Result<Result<String, String>> {
        let snapshot = self.place.services.system_snapshot().await;
        if let Err(reason) = &snapshot
            && reason.starts_with("not granted")
        {
            self.place.denied(reason);
        }
        Ok(snapshot)
    }
}
