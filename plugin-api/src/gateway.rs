//! What a route or a dialect may ask of the gateway itself. Grants: `gateway = ["stats", "clients", "send"]`.

use crate::{Event, HostError, raw};

/// The gateway's figures, as JSON text.
#[must_use]
pub fn stats() -> String {
    raw::gateway::stats()
}

/// The open connections from `offset` on, as JSON text.
#[must_use]
pub fn clients(offset: u32, limit: u32) -> String {
    raw::gateway::clients(offset, limit)
}

/// Publishes to that audience alone (`user:42`, `role:admin`, `client:ID`); returns how many connections it
/// was sent to.
///
/// # Errors
/// Not granted, or the event does not fit.
pub fn send(audience: &[String], event: Event) -> Result<u32, HostError> {
    let event = event
        .into_wit(0)
        .map_err(|error| HostError::new("gateway.send", error.to_string()))?;
    raw::gateway::send(audience, &event).map_err(|reason| HostError::new("gateway.send", reason))
}
