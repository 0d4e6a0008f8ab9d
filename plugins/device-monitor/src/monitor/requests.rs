//! What clients may ask for.

use super::Monitor;
use super::actions::{Action, MOST_ACTIONS};
use super::jobs::Job;
use crate::adb::command::Refusal;
use crate::clock;
use crate::pace::Focus;
use hearthgate_plugin::events::ActionStatus;
use hearthgate_plugin::{Rejection, Request};
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest interval that may be asked for, in seconds.
const LONGEST_INTERVAL: f64 = 86_400.0;

#[derive(Deserialize)]
struct StartMonitoring {
    device_id: String,
    #[serde(default, rename = "type")]
    focus: Option<Focus>,
    #[serde(default)]
    interval: Option<f64>,
}

#[derive(Deserialize)]
struct StopMonitoring {
    device_id: String,
}

#[derive(Deserialize)]
struct DoAction {
    device_id: String,
    action_type: String,
    #[serde(default)]
    action_id: Option<String>,
    #[serde(default)]
    package: Option<String>,
}

impl Monitor {
    /// Answers a client's message.
    ///
    /// # Errors
    /// Says what does not fit, is not known or not allowed.
    pub fn request(&mut self, request: &Request, now: u64) -> Result<Value, Rejection> {
        match request.kind.as_str() {
            "scan_devices" => Ok(self.scan(now)),
            "start_monitoring" => self.start_monitoring(request.data()?, now),
            "stop_monitoring" => self.stop_monitoring(&request.data::<StopMonitoring>()?.device_id),
            "device_action" => self.act(request.data()?),
            other => Err(Rejection::NotFound(format!("no handler for {other}"))),
        }
    }

    /// Everything is looked at now, and the adb server told to connect to what is missing.
    fn scan(&mut self, now: u64) -> Value {
        let mut scanned = self.connect_configured();
        for device in self
            .devices
            .values_mut()
            .filter(|device| device.is_online() && device.pace.is_on())
        {
            device.pace.at_once(now);
            scanned += 1;
        }
        for probe in self.probes.iter_mut().filter(|probe| probe.pace.is_on()) {
            probe.pace.at_once(now);
            scanned += 1;
        }
        let devices = self.devices.values().map(|device| {
            let name = device.name(self.known(device.id()));
            json!({"device_id": device.id(), "name": name, "status": device.status(), "monitored": device.pace.is_on()})
        });
        let probes = self.probes.iter().map(|probe| {
            let name = probe.config.name.as_ref().unwrap_or(&probe.config.id);
            json!({"device_id": probe.config.id, "name": name, "status": probe.memory.status, "monitored": probe.pace.is_on()})
        });
        let all: Vec<Value> = devices.chain(probes).collect();
        json!({"devices": all, "scanned": scanned})
    }

    fn start_monitoring(&mut self, asked: StartMonitoring, now: u64) -> Result<Value, Rejection> {
        let interval = match asked.interval {
            Some(seconds) if (1.0..=LONGEST_INTERVAL).contains(&seconds) => {
                Some((seconds * 1000.0) as u64)
            }
            Some(_) => {
                return Err(Rejection::BadRequest(
                    "interval: seconds, from 1 to 86400".to_owned(),
                ));
            }
            None => None,
        };
        let (id, focus) = (asked.device_id.as_str(), asked.focus.unwrap_or(Focus::All));
        let (in_force, online) = if let Some(device) = self.devices.get_mut(id) {
            (device.pace.start(focus, interval, now), device.is_online())
        } else if let Some(probe) = self.probes.iter_mut().find(|probe| probe.config.id == id) {
            let online =
                probe.memory.status == Some(hearthgate_plugin::events::DeviceState::Online);
            (probe.pace.start(Focus::All, interval, now), online)
        } else {
            return Err(unknown(id));
        };
        self.tell_device(id);
        Ok(
            json!({"device_id": id, "type": focus, "interval": in_force as f64 / 1000.0, "monitoring": true, "online": online}),
        )
    }

    fn stop_monitoring(&mut self, id: &str) -> Result<Value, Rejection> {
        if let Some(device) = self.devices.get_mut(id) {
            device.pace.stop();
        } else if let Some(probe) = self.probes.iter_mut().find(|probe| probe.config.id == id) {
            probe.pace.stop();
        } else {
            return Err(unknown(id));
        }
        self.tell_device(id);
        Ok(json!({"device_id": id, "monitoring": false}))
    }

    /// Its status tells whether it is monitored.
    fn tell_device(&mut self, id: &str) {
        let device = self
            .devices
            .get(id)
            .map(|device| device.status_event(self.known(id)));
        let probe = self.probes.iter().find(|probe| probe.config.id == id);
        let probe = probe.and_then(|probe| probe.events().into_iter().next());
        [device, probe]
            .into_iter()
            .flatten()
            .for_each(|event| self.outbox.push(event));
    }

    fn act(&mut self, asked: DoAction) -> Result<Value, Rejection> {
        let command = self
            .config
            .actions
            .command(&asked.action_type, asked.package.as_deref());
        let command = command.map_err(|refusal| match refusal {
            Refusal::NotAllowed(reason) => Rejection::Forbidden(reason),
            Refusal::BadArgument(reason) => Rejection::BadRequest(reason),
        })?;
        let id = match asked.action_id {
            Some(id) if is_id(&id) => id,
            Some(_) => {
                return Err(Rejection::BadRequest(
                    "action_id: 1 to 64 of A-Z, a-z, 0-9, _, . and -".to_owned(),
                ));
            }
            None => format!("{:016x}", clock::random()),
        };
        let device = self
            .devices
            .get(&asked.device_id)
            .ok_or_else(|| unknown(&asked.device_id))?;
        if !device.is_online() {
            return Err(Rejection::Unavailable(format!(
                "the device is {}",
                device.status()
            )));
        }
        if self.jobs.actions() >= MOST_ACTIONS {
            return Err(Rejection::Unavailable(format!(
                "{MOST_ACTIONS} actions are under way: try again later"
            )));
        }
        let action = Action {
            id,
            device: asked.device_id,
            kind: asked.action_type,
            command,
        };
        self.tell_action(&action, ActionStatus::Queued, None);
        let reply = json!({"action_id": action.id, "device_id": action.device, "action_type": action.kind, "status": "queued"});
        self.jobs.push_first(Job::Action(action));
        Ok(reply)
    }
}

fn unknown(id: &str) -> Rejection {
    let id: String = id.chars().take(64).collect();
    Rejection::NotFound(format!("there is no device {id:?}"))
}

fn is_id(id: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=64).contains(&id.len()) && id.bytes().all(fits)
}
