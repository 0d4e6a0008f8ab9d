//! What may be asked of the gateway itself. Each function is granted by its name:
//! `gateway = ["stats", "clients", "send", "disconnect", "login"]`; [`refresh`] comes with `login`.

pub use crate::wit::host::gateway::{LoginError, Session};
use crate::{Event, HostError, raw};

/// The gateway's figures, as JSON text: `{connections, dialects {name: connections}, connections_total, subscriptions,
/// messages_received, messages_sent, bytes_received, bytes_sent, connection_errors, events_queued, events_dropped,
/// events_by_kind {kind: {count, deliveries, mean_latency_us}}, uptime_ms, last_activity_ms}`. `null`: not granted.
#[must_use]
pub fn stats() -> String {
    raw::gateway::stats()
}

/// The open connections from `offset` on, the oldest first, as JSON text: `{total, offset, connections [{id, address,
/// dialect, user_agent, connected_at, last_seen, subject, authenticated, subscriptions, session, received, sent,
/// bytes_received, bytes_sent, queued, dropped}]}`. `session` is told of this plugin's own dialect's connections. A page
/// can be shorter than `limit`. `null`: not granted.
#[must_use]
pub fn clients(offset: u32, limit: u32) -> String {
    raw::gateway::clients(offset, limit)
}

/// Publishes to that audience alone (`user:42`, `role:admin`, `client:ID`), or with an empty one to everyone whose
/// subscriptions match; returns how many connections it was sent to.
///
/// # Errors
/// Not granted, or the event does not fit.
pub fn send(audience: &[String], event: Event) -> Result<u32, HostError> {
    let event = event
        .into_wit(0)
        .map_err(|error| HostError::new("gateway.send", error.to_string()))?;
    raw::gateway::send(audience, &event).map_err(|reason| HostError::new("gateway.send", reason))
}

/// Closes a connection by its id, with a code that a server may send (1001, 1008, 1011 to 1013, 3000 to 4999). `false`:
/// there is no such connection.
///
/// # Errors
/// Not granted, or no such code.
pub fn disconnect(client: &str, code: u16, reason: &str) -> Result<bool, HostError> {
    raw::gateway::disconnect(client, code, reason)
        .map_err(|reason| HostError::new("gateway.disconnect", reason))
}

/// Checks a user of the configuration (`[auth.users]`) and issues tokens that this gateway accepts. `address` is the
/// client's, which attempts are counted by. Waits, as checking a password takes its time.
///
/// # Errors
/// The name or the password is wrong, there were too many attempts, or it can't be checked.
pub fn login(username: &str, password: &str, address: &str) -> Result<Session, LoginError> {
    raw::gateway::login(username, password, address)
}

/// New tokens for a refresh token that [`login`] issued.
///
/// # Errors
/// As for [`login`].
pub fn refresh(token: &str) -> Result<Session, LoginError> {
    raw::gateway::refresh(token)
}
