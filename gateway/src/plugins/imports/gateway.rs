//! `gateway`: what routes and dialects may ask of the gateway itself.

use crate::plugins::admission::Refused;
use crate::plugins::bindings::host::bus::Refusal;
use crate::plugins::bindings::host::gateway::Host;
use crate::plugins::bindings::host::types::Event;
use crate::plugins::context::Context;
use crate::plugins::grants::GatewayVerb;

/// Most connections in one answer.
const MAX_CLIENTS: u32 = 1000;

impl Context {
    fn ask(&self, verb: GatewayVerb) -> Result<(), String> {
        self.permissions.gateway(verb).map_err(|denied| {
            self.place.denied(&denied.reason);
            denied.reason
        })
    }
}

impl Host for Context {
    async fn stats(&mut self) -> wasmtime::Result<String> {
        Ok(match self.ask(GatewayVerb::Stats) {
            Ok(()) => self.place.view.stats().to_string(),
            Err(_) => "null".to_owned(),
        })
    }

    async fn clients(&mut self, offset: u32, limit: u32) -> wasmtime::Result<String> {
        Ok(match self.ask(GatewayVerb::Clients) {
            Ok(()) => {
                let limit = limit.min(MAX_CLIENTS);
                self.place.view.clients(offset, limit).to_string()
            }
            Err(_) => "null".to_owned(),
        })
    }

    async fn send(
        &mut self,
        audience: Vec<String>,
        event: Event,
    ) -> wasmtime::Result<Result<u32, String>> {
        if let Err(reason) = self.ask(GatewayVerb::Send) {
            return Ok(Err(reason));
        }
        if audience.is_empty() {
            return Ok(Err("the audience is empty".to_owned()));
        }
        let sent = self
            .place
            .admission
            .send(&self.permissions, &audience, event);
        Ok(match sent.await {
            Ok(count) => Ok(count),
            Err(Refused::Denied(denied)) => {
                self.place.denied(&denied.reason);
                Err(denied.reason)
            }
            Err(Refused::Refusal(refusal)) => Err(match refusal {
                Refusal::NotGranted(reason) | Refusal::Invalid((_, reason)) => reason,
                Refusal::Throttled(millis) => format!("too fast; try again in {millis} ms"),
                Refusal::TooLarge(_) => "the event is too large".to_owned(),
            }),
        })
    }
}
