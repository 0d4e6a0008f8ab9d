//! Android devices through the adb server, and anything that has an address: how they are, as `device.…` events, and what may be
//! done to them. The README beside this crate tells users; here is the way of things:
//!
//! ```text
//! inputs → monitor (turn) → jobs: adb/session, probes → read/… → device, probe → outbox → events
//! ```

mod adb;
mod clock;
mod complaints;
mod config;
mod device;
mod monitor;
mod outbox;
mod pace;
mod probe;
mod read;
mod target;

use config::Config;
use hearthgate_plugin::{
    Answer, Client, Failure, HostError, Input, Plugin, Rejection, Request, Start, State,
};
use monitor::{Monitor, Saved};

/// The form of the state: [`Saved`].
const STATE: u32 = 1;

struct DeviceMonitor(Monitor);

impl Plugin for DeviceMonitor {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        let checked = config.check()?;
        let now = clock::now();
        // After a restart of the gateway nothing of it holds: what was told is forgotten, and an action that waited then,
        // a reboot perhaps, is not what anybody wants now. What is to be remembered is in the store.
        let saved = match start.retained_is_gone() {
            true => None,
            false => start.state::<Saved>(STATE),
        };
        let mut monitor = match saved {
            Some(saved) => Monitor::resumed(config, checked, saved, start, now),
            None => {
                let mut monitor = Monitor::new(config, checked, now);
                monitor.recall(now);
                monitor
            }
        };
        monitor.turn(now);
        Ok(Self(monitor))
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        State::json(STATE, &self.0.saved(clock::now())).map(Some)
    }

    fn on_inputs(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        let now = clock::now();
        for input in inputs {
            self.0.input(input, now);
        }
        self.0.turn(now);
        Ok(())
    }

    fn handle(&mut self, _: Client, request: Request) -> Result<Answer, Rejection> {
        let now = clock::now();
        let reply = self.0.request(&request, now);
        self.0.turn(now);
        Answer::json(&reply?)
    }
}

hearthgate_plugin::plugin!(DeviceMonitor: source, handler);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use hearthgate_plugin::testing;
    use serde_json::json;

    /// The states of the link that an instance tells when it starts.
    fn told(reason: &str, state: Option<State>) -> (DeviceMonitor, Vec<String>) {
        let given = json!({"probes": [{"id": "nas", "url": "tcp://192.168.1.9:22"}]});
        let mut start = testing::start(reason, state, vec![], vec![]);
        let monitor = DeviceMonitor::init(&mut start, config::tests::config(given)).unwrap();
        let events = testing::published().into_iter();
        let kinds = events.map(|event| event.kind);
        (
            monitor,
            kinds.filter(|kind| kind == "adapter.status").collect(),
        )
    }

    #[test]
    fn after_a_restart_of_the_gateway_all_is_told_again_and_nothing_old_is_done() {
        let (monitor, first) = told("fresh", None);
        assert_eq!(first.len(), 1);
        let mut state = monitor.save().unwrap().unwrap();
        let mut saved: serde_json::Value = serde_json::from_slice(&state.data).unwrap();
        assert_eq!(saved["queued"], json!([]), "the key of what waits");
        saved["queued"] = json!(["what no version can read"]);
        assert_eq!(
            told("upgraded", Some(state.clone())).1.len(),
            0,
            "known still"
        );
        assert_eq!(told("fresh", Some(state.clone())).1.len(), 1);
        state.data = serde_json::to_vec(&saved).unwrap();
        assert!(serde_json::from_value::<Saved>(saved).is_err());
        assert_eq!(told("fresh", Some(state)).1.len(), 1, "it is not even read");
        let logged = testing::logged();
        assert!(
            logged
                .iter()
                .all(|line| !line.contains("state that can't be read")),
            "{logged:?}"
        );
    }
}
