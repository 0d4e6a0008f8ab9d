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
        let mut monitor = match start.state::<Saved>(STATE) {
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
