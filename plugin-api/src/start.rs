//! The start of an instance: who it is, why it starts, and what the one before it left.

use crate::log::Level;
use crate::wit::host::types::State as RawState;
use crate::wit::lifecycle::exports::hearthgate::plugin::lifecycle;
use crate::{ConnectionId, HostError, TimerId, log_with, timers};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// What a plugin is told when it starts. Sockets and timers of the instance before it live on only if they are
/// adopted here, before `init` returns.
#[derive(Debug)]
pub struct Start {
    /// The instance's name, as the operator chose it: the `source` of its events.
    pub instance: String,
    /// The gateway's version.
    pub host_version: String,
    /// Why it starts.
    pub reason: Reason,
    /// How many starts failed in a row before this one.
    pub attempt: u32,
    /// What the instance before it saved.
    pub state: Option<State>,
    connections: Vec<(ConnectionId, String)>,
    timers: Vec<(TimerId, String)>,
    adopted: lifecycle::Adopted,
}

/// Why an instance starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The first time, or after it was stopped.
    Fresh,
    /// Its configuration changed.
    Reconfigured,
    /// Its `.wasm` was replaced.
    Upgraded,
    /// It failed.
    Restarted,
    /// A reason that a later gateway knows.
    Other(String),
}

impl Start {
    pub(crate) fn from_wit(start: lifecycle::Start) -> (Self, String) {
        let reason = match start.reason.as_str() {
            "fresh" => Reason::Fresh,
            "reconfigured" => Reason::Reconfigured,
            "upgraded" => Reason::Upgraded,
            "restarted" => Reason::Restarted,
            _ => Reason::Other(start.reason),
        };
        let this = Self {
            instance: start.instance,
            host_version: start.host_version,
            reason,
            attempt: start.attempt,
            state: start
                .state
                .map(|RawState { schema, data }| State { schema, data }),
            connections: start.connections,
            timers: start.timers,
            adopted: lifecycle::Adopted {
                connections: Vec::new(),
                timers: Vec::new(),
            },
        };
        (this, start.config)
    }

    pub(crate) fn into_adopted(self) -> lifecycle::Adopted {
        self.adopted
    }

    /// Whether the gateway may have forgotten what was retained since the state was saved: it started anew, or the
    /// instance was out of its configuration. What a state remembers as told must be told again then, and what it
    /// wanted done may be long out of date. Not so after a crash of the plugin, a reload or a new configuration.
    #[must_use]
    pub fn retained_is_gone(&self) -> bool {
        self.reason == Reason::Fresh
    }

    /// The state that the instance before this one saved with [`State::json`] under the same schema number.
    /// `None`: there is none, or it is of another schema, which is logged.
    pub fn state<T: DeserializeOwned>(&self, schema: u32) -> Option<T> {
        let state = self.state.as_ref()?;
        if state.schema != schema {
            log_with(
                Level::Warn,
                "state of another schema dropped",
                &[("found", &state.schema), ("wanted", &schema)],
            );
            return None;
        }
        serde_json::from_slice(&state.data)
            .map_err(|error| {
                log_with(
                    Level::Warn,
                    "state that can't be read dropped",
                    &[("reason", &error)],
                )
            })
            .ok()
    }

    /// Sockets of the instance before this one, with the URL or `tcp://host:port` they lead to.
    #[must_use]
    pub fn connections(&self) -> &[(ConnectionId, String)] {
        &self.connections
    }

    /// Timers of the instance before this one, with their tag.
    #[must_use]
    pub fn timers(&self) -> &[(TimerId, String)] {
        &self.timers
    }

    /// Takes over the first socket that leads to `url`: it stays open, and its messages come here.
    pub fn adopt_connection(&mut self, url: &str) -> Option<ConnectionId> {
        let at = self.connections.iter().position(|(_, u)| u == url)?;
        let (id, _) = self.connections.remove(at);
        self.adopted.connections.push(id);
        Some(id)
    }

    /// Takes over the first timer with this tag: it ticks on in its rhythm.
    pub fn adopt_timer(&mut self, tag: &str) -> Option<TimerId> {
        let at = self.timers.iter().position(|(_, t)| t == tag)?;
        let (id, _) = self.timers.remove(at);
        self.adopted.timers.push(id);
        Some(id)
    }

    /// A timer that ticks every `period`: the one that the instance before this set, so that no tick is missed
    /// or doubled, or a new one. After a change of the configuration it is always a new one, since the period
    /// may be what changed.
    ///
    /// # Errors
    /// The limit of timers is reached.
    pub fn every(&mut self, period: Duration, tag: &str) -> Result<TimerId, HostError> {
        if self.reason != Reason::Reconfigured
            && let Some(id) = self.adopt_timer(tag)
        {
            return Ok(id);
        }
        timers::every(period, tag)
    }
}

/// State that one instance hands to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The plugin's own number of the data's form; raise it when the form changes.
    pub schema: u32,
    /// The data.
    pub data: Vec<u8>,
}

impl State {
    /// Data as JSON.
    ///
    /// # Errors
    /// The data can't be JSON: a map with keys that are no strings.
    pub fn json(schema: u32, data: &impl Serialize) -> Result<Self, HostError> {
        let data =
            serde_json::to_vec(data).map_err(|error| HostError::new("state", error.to_string()))?;
        Ok(Self { schema, data })
    }
}

pub(crate) fn state_to_wit(state: State) -> RawState {
    RawState {
        schema: state.schema,
        data: state.data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(reason: &str, state: Option<RawState>) -> Start {
        let raw = lifecycle::Start {
            instance: "home".to_owned(),
            host_version: "0.1.0".to_owned(),
            config: "{}".to_owned(),
            reason: reason.to_owned(),
            attempt: 0,
            state,
            connections: vec![(7, "ws://ha.lan:8123/".to_owned())],
            timers: vec![(3, "tick".to_owned())],
        };
        Start::from_wit(raw).0
    }

    #[test]
    fn state_is_taken_only_under_its_own_schema_number() {
        let saved = || State::json(2, &vec![1, 2]).map(state_to_wit).ok();
        assert_eq!(
            start("upgraded", saved()).state::<Vec<u32>>(2),
            Some(vec![1, 2])
        );
        assert_eq!(start("upgraded", saved()).state::<Vec<u32>>(3), None);
        assert_eq!(start("upgraded", saved()).state::<String>(2), None);
        assert_eq!(start("fresh", None).state::<String>(2), None);
    }

    #[test]
    fn what_is_retained_is_gone_only_after_a_fresh_start() {
        for reason in ["reconfigured", "upgraded", "restarted", "another"] {
            assert!(!start(reason, None).retained_is_gone(), "{reason}");
        }
        assert!(start("fresh", None).retained_is_gone());
    }

    #[test]
    fn a_connection_and_a_timer_are_adopted_once() {
        let mut start = start("upgraded", None);
        assert_eq!(start.adopt_connection("ws://other/"), None);
        assert_eq!(start.adopt_connection("ws://ha.lan:8123/"), Some(7));
        assert_eq!(start.adopt_connection("ws://ha.lan:8123/"), None);
        assert_eq!(start.adopt_timer("tick"), Some(3));
        let adopted = start.into_adopted();
        assert_eq!((adopted.connections, adopted.timers), (vec![7], vec![3]));
    }

    #[test]
    fn a_periodic_timer_is_kept_over_an_upgrade_and_renewed_by_a_new_configuration() {
        let second = Duration::from_secs(1);
        let mut upgraded = start("upgraded", None);
        assert_eq!(upgraded.every(second, "tick"), Ok(3));
        let mut reconfigured = start("reconfigured", None);
        assert_ne!(reconfigured.every(second, "tick"), Ok(3));
        assert!(reconfigured.into_adopted().timers.is_empty());
    }
}
