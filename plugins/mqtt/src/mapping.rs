//! From a message to events: the operator's rules, then what is understood out of the box.

use crate::codec::Message;
use crate::config::{Checked, Config};
use crate::devices::Devices;
use crate::discovery::Discovery;
use crate::draft::Draft;
use crate::problems::Problems;
use crate::rules::{Made, NotMade, Rule};
use crate::topics::Pattern;
use crate::zigbee::Zigbee;
use hearthgate_plugin::events::Object;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// So many topics are remembered with what was retained on them last.
const MOST_REMEMBERED: usize = 10_000;

/// What is known of the other side; handed to the next instance.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Known {
    devices: Devices,
    discovery: Discovery,
    zigbee: BTreeMap<String, Zigbee>,
    confirmed: Confirmed,
}

impl Known {
    /// The gateway forgot what was retained: all of it is news again.
    pub fn untold(&mut self) {
        self.devices.untold();
        self.discovery.untold();
        self.zigbee.values_mut().for_each(Zigbee::untold);
    }
}

/// Who was said to be there, or not, since everything began to be read. Nothing outside of that.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Confirmed(Option<BTreeSet<(String, String)>>);

impl Confirmed {
    pub fn insert(&mut self, device: &str, source: &str) {
        if let Some(confirmed) = &mut self.0 {
            confirmed.insert((device.to_owned(), source.to_owned()));
        }
    }
}

/// What those who take messages write to.
pub struct Context<'a> {
    pub devices: &'a mut Devices,
    pub confirmed: &'a mut Confirmed,
    pub problems: &'a mut Problems,
    pub out: &'a mut Vec<Draft>,
    /// Filters to subscribe to.
    pub wants: &'a mut Vec<Pattern>,
}

/// Takes messages.
#[derive(Debug)]
pub struct Mapping {
    rules: Vec<Rule>,
    ignore: Vec<Pattern>,
    known: Known,
    pub problems: Problems,
    /// Topic → hash of what was retained on it last: what is read anew is no news.
    remembered: BTreeMap<String, u64>,
}

impl Mapping {
    /// With what another instance knew.
    pub fn new(config: &Config, checked: Checked, mut known: Known) -> Self {
        known.devices.bound(config.max_entities);
        known
            .discovery
            .configure(&config.discovery, config.max_entities);
        known
            .zigbee
            .retain(|base, _| config.zigbee2mqtt.contains(base));
        for base in &config.zigbee2mqtt {
            known.zigbee.entry(base.clone()).or_default();
        }
        Self {
            rules: checked.rules,
            ignore: checked.ignore,
            known,
            problems: Problems::default(),
            remembered: BTreeMap::new(),
        }
    }

    pub fn known(&self) -> &Known {
        &self.known
    }

    /// What to subscribe to. Announcements first: a broker sends what is retained in this order.
    pub fn filters(&self) -> Vec<Pattern> {
        let bases = self.known.zigbee.iter();
        let zigbee = bases.flat_map(|(base, zigbee)| zigbee.filters(base));
        let discovery = self.known.discovery.filters().into_iter();
        let entities = self.known.discovery.topics().map(str::to_owned);
        let built_in = discovery.chain(zigbee).chain(entities);
        let built_in = built_in.map(|filter| Pattern::of_filter(&filter));
        self.rules
            .iter()
            .map(|rule| rule.pattern.clone())
            .chain(built_in)
            .collect()
    }

    /// Entities, devices and areas that are known.
    pub fn counts(&self) -> (usize, usize, usize) {
        let known = &self.known;
        let zigbee: usize = known.zigbee.values().map(Zigbee::entities).sum();
        (
            known.discovery.len() + zigbee,
            known.devices.len(),
            known.discovery.areas(),
        )
    }

    /// Everything that is retained is about to be read.
    pub fn begin_sync(&mut self) {
        self.known.confirmed = Confirmed(Some(BTreeSet::new()));
        self.known.discovery.begin_sync();
    }

    /// Everything was read: what is no more, and who said nothing.
    pub fn end_sync(&mut self) -> Vec<Draft> {
        let mut out = Vec::new();
        // Without a beginning there is nothing to hold anybody against.
        if let Some(confirmed) = std::mem::take(&mut self.known.confirmed).0 {
            self.known.devices.forget_all_but(&confirmed, &mut out);
        }
        let mut context = Context {
            devices: &mut self.known.devices,
            confirmed: &mut self.known.confirmed,
            problems: &mut self.problems,
            out: &mut out,
            wants: &mut Vec::new(),
        };
        self.known.discovery.end_sync(&mut context);
        out
    }

    /// What a message means: events, and filters to subscribe to.
    pub fn take(&mut self, message: &Message) -> (Vec<Draft>, Vec<Pattern>) {
        let (mut out, mut wants) = (Vec::new(), Vec::new());
        let topic = &message.topic;
        if self.ignore.iter().any(|pattern| pattern.matches(topic)) {
            return (out, wants);
        }
        let repeated = self.is_repeated(message);
        self.apply_rules(message, repeated, &mut out);
        let mut context = Context {
            devices: &mut self.known.devices,
            confirmed: &mut self.known.confirmed,
            problems: &mut self.problems,
            out: &mut out,
            wants: &mut wants,
        };
        for (base, zigbee) in &mut self.known.zigbee {
            let discovery = &self.known.discovery;
            zigbee.take(base, topic, &message.payload, discovery, &mut context);
        }
        self.known
            .discovery
            .take(topic, &message.payload, message.retain, &mut context);
        if self.known.devices.take_turned_away() {
            self.problems.tell("more devices than max-entities", topic);
        }
        (out, wants)
    }

    /// Whether the broker sends again what it sent before the link was lost.
    fn is_repeated(&mut self, message: &Message) -> bool {
        if !message.retain {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        message.payload.hash(&mut hasher);
        let hash = hasher.finish();
        if self.remembered.len() >= MOST_REMEMBERED && !self.remembered.contains_key(&message.topic)
        {
            return false;
        }
        let before = self.remembered.insert(message.topic.clone(), hash);
        self.known.confirmed.0.is_some() && before == Some(hash)
    }

    /// The first rule that matches. What is repeated still says that a device is there.
    fn apply_rules(&mut self, message: &Message, repeated: bool, out: &mut Vec<Draft>) {
        let mut rules = self.rules.iter();
        let found = rules.find_map(|rule| Some((rule, rule.pattern.captures(&message.topic)?)));
        let Some((rule, captures)) = found else {
            return;
        };
        // Retained and empty: the message was removed, and says nothing.
        if message.payload.is_empty() && message.retain {
            return;
        }
        match rule.apply(&message.topic, &captures, &message.payload, message.retain) {
            Ok(Made::Draft(_)) if repeated => {}
            Ok(Made::Draft(draft)) => out.push(draft),
            Ok(Made::Status {
                id,
                name,
                online,
                found,
                labels,
            }) => {
                self.known.confirmed.insert(&id, "rule");
                self.known.devices.update(&id, out, |device| {
                    device.said.insert("rule".to_owned(), online);
                    describe(device, name, found, &labels);
                });
            }
            Err(NotMade(cause, detail)) => {
                self.problems
                    .tell(cause, &format!("{}: {detail}", message.topic));
            }
        }
    }
}

fn describe(
    device: &mut crate::devices::Device,
    name: Option<String>,
    found: Object,
    labels: &[(String, String)],
) {
    device.name = name.or_else(|| device.name.take());
    let area = labels.iter().find(|(key, _)| key == "area");
    device.area = area
        .map(|(_, area)| area.clone())
        .or_else(|| device.area.take());
    for (key, value) in found {
        match (key.as_str(), &value) {
            ("battery_level", Value::Number(number)) => device.battery = number.as_f64(),
            ("ip", Value::String(ip)) => device.ip = Some(ip.clone()),
            ("mac", Value::String(mac)) => device.mac = Some(mac.clone()),
            ("device_type", Value::String(kind)) => device.device_type = Some(kind.clone()),
            _ => drop(device.properties.insert(key, value)),
        }
    }
}

#[cfg(test)]
mod tests;
