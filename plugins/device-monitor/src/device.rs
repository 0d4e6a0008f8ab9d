//! One Android device: what the adb server says of it, what it said itself, and the events that tell.

use crate::adb::list::Listed;
use crate::adb::script::{self, Section};
use crate::clock;
use crate::config::Known;
use crate::pace::Pace;
use crate::read::{battery, cpu, memory, network, properties, storage, temperature};
use hearthgate_plugin::Event;
use hearthgate_plugin::events::{
    Connection, DeviceConnected, DeviceDisconnected, DeviceMetrics, DeviceState, DeviceStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest id of a device that is taken, in bytes.
pub const LONGEST_ID: usize = 128;

/// Where a sample of it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sampling {
    /// None is under way.
    #[default]
    Idle,
    /// It waits for its turn, or runs.
    Underway,
}

/// What counters said in the sample before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Counters {
    at: u64,
    ticks: Option<cpu::Ticks>,
    traffic: Option<network::Traffic>,
}

/// A device.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Device {
    listed: Listed,
    first_seen: String,
    last_seen: String,
    properties: BTreeMap<String, String>,
    facts: BTreeMap<String, Value>,
    metrics: BTreeMap<String, f64>,
    counters: Counters,
    /// How often it is sampled.
    pub pace: Pace,
    /// Where its sample stands.
    #[serde(skip)]
    pub sampling: Sampling,
}

impl Device {
    /// A device that was just listed for the first time.
    #[must_use]
    pub fn new(listed: Listed, first_seen: String, pace: Pace) -> Self {
        Self {
            listed,
            last_seen: first_seen.clone(),
            first_seen,
            properties: BTreeMap::new(),
            facts: BTreeMap::new(),
            metrics: BTreeMap::new(),
            counters: Counters::default(),
            pace,
            sampling: Sampling::Idle,
        }
    }

    /// Its id: the serial.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.listed.serial
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> DeviceState {
        self.listed.status()
    }

    /// Since when it is known.
    #[must_use]
    pub fn first_seen(&self) -> &str {
        &self.first_seen
    }

    /// Whether it takes commands.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.status() == DeviceState::Online
    }

    /// The list tells something new of it. Returns whether that is worth telling.
    pub fn relisted(&mut self, listed: Listed) -> bool {
        let changed = self.listed.state != listed.state;
        // A device whose connection was lost may have been switched off meanwhile: its counters may have begun anew.
        if changed {
            self.counters = Counters::default();
        }
        self.listed = listed;
        changed
    }

    /// It is listed no more.
    pub fn gone(&mut self) {
        "gone".clone_into(&mut self.listed.state);
        self.counters = Counters::default();
    }

    /// Times of another instance's clock become this one's.
    pub fn shift(&mut self, saved: u64, now: u64) {
        self.pace.shift(saved, now);
        self.counters.at = clock::shifted(self.counters.at, saved, now);
    }

    /// What a sample is to read for these sections: the processor twice where there is nothing to compare with.
    #[must_use]
    pub fn sections(&self, wanted: &[Section]) -> Vec<Section> {
        let mut sections = wanted.to_vec();
        if sections.contains(&Section::Cpu) && self.counters.ticks.is_none() {
            sections.push(Section::CpuAgain);
        }
        sections
    }

    /// Takes what a session printed, section by section.
    pub fn sampled(&mut self, parts: &BTreeMap<&str, &str>, now: u64) {
        self.last_seen = clock::timestamp();
        if let Some(text) = script::part(parts, Section::Properties) {
            let read = properties::parse(text);
            if !read.is_empty() {
                self.properties = read;
            }
        }
        if let Some(text) = script::part(parts, Section::Battery) {
            self.take_battery(&battery::parse(text));
        }
        if let Some(memory) = script::part(parts, Section::Memory).and_then(memory::parse) {
            self.put("memory_usage", memory.usage());
            self.put("memory_total", Some(memory.total));
            self.put("memory_available", Some(memory.available));
        }
        if let Some(storage) = script::part(parts, Section::Storage).and_then(storage::parse) {
            self.put("storage_usage", storage.usage());
            self.put("storage_total", Some(storage.total));
            self.put("storage_used", Some(storage.used));
            self.put("storage_available", Some(storage.available));
        }
        if let Some(text) = script::part(parts, Section::Temperature) {
            let read = temperature::parse(text);
            self.put("cpu_temp", read.cpu);
            self.put("skin_temp", read.skin);
        }
        self.take_counters(parts, now);
    }

    fn take_battery(&mut self, battery: &battery::Battery) {
        self.put("battery_level", battery.level);
        self.put("battery_temp", battery.celsius);
        self.put("battery_voltage", battery.millivolts);
        let words = [
            ("battery_status", battery.status),
            ("battery_health", battery.health),
            ("power", battery.power),
        ];
        for (name, word) in words {
            match word {
                Some(word) => drop(self.facts.insert(name.to_owned(), word.into())),
                None => drop(self.facts.remove(name)),
            }
        }
    }

    fn take_counters(&mut self, parts: &BTreeMap<&str, &str>, now: u64) {
        let ticks = |section| script::part(parts, section).and_then(cpu::parse);
        if let Some(first) = ticks(Section::Cpu) {
            let last = ticks(Section::CpuAgain);
            let (before, after) = match last {
                Some(last) => (Some(first), last),
                None => (self.counters.ticks, first),
            };
            self.put(
                "cpu_usage",
                before.and_then(|before| cpu::usage(before, after)),
            );
            self.counters.ticks = Some(after);
        }
        if let Some(traffic) = script::part(parts, Section::Network).and_then(network::parse) {
            let before = self.counters.traffic.replace(traffic);
            let elapsed = now.saturating_sub(std::mem::replace(&mut self.counters.at, now));
            let rates = before
                .and_then(|before| network::rates(before, traffic, elapsed))
                .unzip();
            self.put("network_rx", Some(traffic.received as f64));
            self.put("network_tx", Some(traffic.sent as f64));
            self.put("network_rx_rate", rates.0);
            self.put("network_tx_rate", rates.1);
        }
    }

    /// A figure as it is now; one that is not told any more is none.
    fn put(&mut self, name: &str, value: Option<f64>) {
        match value {
            Some(value) => drop(self.metrics.insert(name.to_owned(), value)),
            None => drop(self.metrics.remove(name)),
        }
    }

    /// The model's name, as far as it is known.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.properties
            .get("model")
            .map(String::as_str)
            .or_else(|| self.listed.fact("model"))
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self, known: Option<&Known>) -> String {
        let configured = known.and_then(|known| known.name.clone());
        let model = self.properties.get("model").cloned();
        // The list writes spaces of a model's name as `_`.
        let listed = || {
            self.listed
                .fact("model")
                .map(|model| model.replace('_', " "))
        };
        configured
            .or(model)
            .or_else(listed)
            .unwrap_or_else(|| self.id().to_owned())
    }

    /// `device.status`, with all that is known.
    pub fn status_event(&self, known: Option<&Known>) -> Event {
        let figure = |name: &str| self.metrics.get(name).copied();
        let mut properties: serde_json::Map<String, Value> =
            self.facts.clone().into_iter().collect();
        properties.extend(
            self.properties
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into())),
        );
        properties.insert("adb_state".to_owned(), self.listed.state.as_str().into());
        properties.insert(
            "connection_type".to_owned(),
            self.listed.connection().into(),
        );
        properties.insert("monitored".to_owned(), self.pace.is_on().into());
        let status = DeviceStatus {
            battery_level: figure("battery_level"),
            cpu_usage: figure("cpu_usage"),
            memory_usage: figure("memory_usage"),
            storage_usage: figure("storage_usage"),
            ip: self
                .listed
                .serial
                .parse::<std::net::SocketAddr>()
                .ok()
                .map(|address| address.ip().to_string()),
            device_type: known
                .and_then(|known| known.device_type.clone())
                .or_else(|| Some("android".to_owned())),
            first_seen: Some(self.first_seen.clone()),
            properties: Some(properties),
            ..DeviceStatus::new(
                self.id(),
                self.name(known),
                self.status(),
                self.last_seen.as_str(),
            )
        };
        self.labelled(Event::of(&status), known)
    }

    /// `device.metrics`, where there are any.
    #[must_use]
    pub fn metrics_event(&self, known: Option<&Known>) -> Option<Event> {
        let metrics = DeviceMetrics::new(self.id(), self.metrics.clone());
        (!self.metrics.is_empty()).then(|| self.labelled(Event::of(&metrics), known))
    }

    /// `device.connected`, or `device.disconnected` with its reason.
    pub fn connection_event(&self, known: Option<&Known>, reason: Option<&str>) -> Event {
        let data = Connection {
            name: Some(self.name(known)),
            connection_type: Some(self.listed.connection().to_owned()),
            reason: reason.map(str::to_owned),
            ..Connection::new(self.id())
        };
        let event = match reason {
            None => Event::of(&DeviceConnected(data)),
            Some(_) => Event::of(&DeviceDisconnected(data)),
        };
        self.labelled(event, known)
    }

    /// An event about this device, with its labels.
    pub fn labelled(&self, event: Event, known: Option<&Known>) -> Event {
        let room = known.and_then(|known| known.room.as_deref());
        let area = known.and_then(|known| known.area.as_deref());
        event
            .label("device", self.id())
            .label_if("room", room)
            .label_if("area", area)
    }
}
