//! A Home Assistant that answers what it is asked, out of a few tables.

use super::*;
use hearthgate_plugin::net::{CloseInfo, Opened};
use std::collections::BTreeMap;

const URL: &str = "ws://ha.lan:8123/api/websocket";

/// A configuration with the manifest's defaults.
pub fn config(changes: Value) -> Config {
    let mut config = json!({
        "url": URL, "name": "Home Assistant", "prefix": "", "include": {}, "exclude": {}, "call": {},
        "redact": ["code"], "ping-interval": "30s", "pong-timeout": "10s", "call-timeout": "8s",
        "registry-delay": "1s", "max-entities": 100, "max-bytes": 1_000_000,
    });
    for (key, value) in changes.as_object().unwrap() {
        config[key] = value.clone();
    }
    serde_json::from_value(config).unwrap()
}

/// An event: kind, topic, data and labels.
type Told = (String, String, Value, Vec<(String, String)>);

/// The plugin and its Home Assistant.
pub struct Rig {
    pub plugin: HomeAssistant,
    pub socket: u64,
    /// What each command is answered with; an error where there is an object with `code`.
    pub answers: BTreeMap<String, Value>,
    /// Commands so far, and the event types subscribed to with their numbers.
    pub asked: Vec<String>,
    pub subscriptions: BTreeMap<String, u64>,
    notes: Vec<String>,
    closes: Vec<u16>,
    raw: Vec<hearthgate_plugin::wit::host::types::Event>,
    events: Vec<Told>,
}

fn answers() -> BTreeMap<String, Value> {
    let answers = json!({
        "supported_features": null,
        "get_config": {"state": "RUNNING", "version": "2025.4.4"},
        "config/floor_registry/list": [{"floor_id": "ground", "name": "Ground floor"}],
        "config/area_registry/list": [
            {"area_id": "kitchen", "name": "Kitchen", "floor_id": "ground", "icon": "mdi:stove"},
            {"area_id": "attic", "name": "Attic", "floor_id": null},
        ],
        "config/device_registry/list": [{"id": "d1", "area_id": "kitchen"}],
        "config/entity_registry/list": [
            {"entity_id": "light.a", "device_id": "d1", "area_id": null},
            {"entity_id": "light.b", "device_id": "d1", "area_id": "attic"},
        ],
        "get_states": [state("light.a", "off"), state("light.b", "on"), state("sun.sun", "up")],
    });
    answers.as_object().unwrap().clone().into_iter().collect()
}

pub fn state(id: &str, state: &str) -> Value {
    json!({
        "entity_id": id, "state": state, "attributes": {"friendly_name": id.to_uppercase()},
        "last_changed": "2025-04-11T09:00:00.500000+00:00", "last_updated": "2025-04-11T09:00:00.500000+00:00",
        "context": {"id": "01", "parent_id": null, "user_id": null},
    })
}

impl Rig {
    /// A plugin whose socket is open; nobody has spoken.
    pub fn connected(changes: Value) -> Self {
        testing::calls();
        testing::published();
        let mut start = testing::start("fresh", None, vec![], vec![]);
        let plugin = HomeAssistant::init(&mut start, config(changes)).unwrap();
        Self::around(plugin)
    }

    pub fn around(plugin: HomeAssistant) -> Self {
        let mut rig = Self {
            plugin,
            socket: 0,
            answers: answers(),
            asked: Vec::new(),
            subscriptions: BTreeMap::new(),
            notes: Vec::new(),
            closes: Vec::new(),
            raw: Vec::new(),
            events: Vec::new(),
        };
        rig.open();
        rig
    }

    /// Opens the socket that the plugin asked for.
    pub fn open(&mut self) {
        // Counting up, the ids of the fake host tell which call is which: the newest `open` is the socket.
        self.socket = open_id(&self.plugin);
        let opened = Opened {
            peer: "10.0.0.5:8123".to_owned(),
            protocol: None,
            certificate: None,
        };
        self.input(Input::ConnectionOpened((self.socket, opened)))
            .unwrap();
        testing::calls();
    }

    /// Ends the wait before the next try, and opens the socket.
    pub fn reconnect(&mut self) {
        let text = format!("{:?}", self.plugin.line);
        let at = text
            .find("Waiting(")
            .unwrap_or_else(|| panic!("not waiting: {text}"));
        let timer = text[at + 8..].split(')').next().unwrap().parse().unwrap();
        self.input(Input::Timer((timer, "hearthgate.link:".to_owned())))
            .unwrap();
        self.open();
    }

    /// One that has logged in and read the home.
    pub fn synchronised(changes: Value) -> Self {
        let mut rig = Self::connected(changes);
        rig.log_in();
        rig.serve();
        rig.notes.clear();
        rig.events.clear();
        rig
    }

    pub fn log_in(&mut self) {
        self.send(json!({"type": "auth_required", "ha_version": "2025.4.4"}));
        self.raw_calls();
        self.send(json!({"type": "auth_ok", "ha_version": "2025.4.4"}));
    }

    /// Answers until the plugin asks no more.
    pub fn serve(&mut self) {
        loop {
            let answers = self.answer();
            if answers.is_empty() {
                return;
            }
            answers.into_iter().for_each(|answer| self.send(answer));
        }
    }

    /// The answers to what was asked since.
    pub fn answer(&mut self) -> Vec<Value> {
        let calls = self.raw_calls();
        let requests = calls.iter().filter_map(|call| request(call, self.socket));
        let mut answers = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            let command = request["type"].as_str().unwrap().to_owned();
            let id = request["id"].as_u64().unwrap();
            if command == "subscribe_events" {
                let event = request["event_type"].as_str().unwrap();
                self.subscriptions.insert(event.to_owned(), id);
            }
            let key = match request["event_type"].as_str() {
                Some(event) => format!("{command} {event}"),
                None => command.clone(),
            };
            let answer = self.answers.get(&key).cloned().unwrap_or_default();
            self.asked.push(key);
            answers.push(match answer.get("code") {
                Some(_) => json!({"id": id, "type": "result", "success": false, "error": answer}),
                None => json!({"id": id, "type": "result", "success": true, "result": answer}),
            });
        }
        answers
    }

    pub fn input(&mut self, input: Input) -> Result<(), Failure> {
        self.inputs(vec![input])
    }

    pub fn inputs(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        let mut done = self.plugin.on_inputs(inputs);
        self.collect();
        // The rest of the work comes by its timer.
        while done.is_ok() && self.notes.iter().any(|note| note == "timers.after 0 work") {
            self.notes.retain(|note| note != "timers.after 0 work");
            done = self
                .plugin
                .on_inputs(vec![Input::Timer((1, "work".to_owned()))]);
            self.collect();
        }
        done
    }

    fn collect(&mut self) {
        for call in testing::calls() {
            if let Some(close) = call.strip_prefix("websocket.close ") {
                self.closes
                    .push(close.split(' ').nth(1).unwrap().parse().unwrap());
            } else if !call.starts_with("metrics.") {
                self.notes.push(call);
            }
        }
        let events = testing::published().into_iter();
        let events = events.inspect(|event| self.raw.push(event.clone()));
        self.events.extend(events.map(|event| {
            let data = serde_json::from_str(&event.data).unwrap();
            (event.kind, event.topic, data, event.labels)
        }));
    }

    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        self.input(Input::WsMessages((
            self.socket,
            vec![WsMessage::Text(text.to_owned())],
        )))
    }

    pub fn send(&mut self, message: Value) {
        self.text(&message.to_string()).unwrap();
    }

    pub fn fails(&mut self, message: Value) -> Failure {
        self.text(&message.to_string()).unwrap_err()
    }

    pub fn tick(&mut self, tag: &str) {
        self.input(Input::Timer((1, tag.to_owned()))).unwrap();
    }

    pub fn closed(&mut self) {
        let end = self.end();
        self.input(end).unwrap();
    }

    /// The end of the socket.
    pub fn end(&self) -> Input {
        let (code, reason) = (1006, "gone".to_owned());
        Input::ConnectionClosed((self.socket, CloseInfo { code, reason }))
    }

    /// What the plugin did besides publishing and counting, since the last time.
    pub fn raw_calls(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The codes that sockets were closed with, since the last time.
    pub fn closes(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.closes)
    }

    /// The data of the events of a kind, since the last time; others stay.
    pub fn told(&mut self, kind: &str) -> Vec<Value> {
        self.events
            .extract_if(.., |(k, ..)| k == kind)
            .map(|(_, _, data, _)| data)
            .collect()
    }

    /// The events so far as the gateway would retain them, as another instance's too.
    pub fn retained(&mut self, source: &str) -> Vec<Published> {
        let mut kept = Vec::new();
        for event in self.raw.drain(..).filter(|event| event.retain) {
            // The other one comes first: it must not be taken for this one's.
            for source in ["another", source] {
                let (seq, received_at, event) = (1, 0, event.clone());
                kept.push(Published {
                    seq,
                    source: source.to_owned(),
                    received_at,
                    event,
                });
            }
        }
        kept.reverse();
        let mut seen = BTreeSet::new();
        kept.retain(|one| seen.insert((one.event.topic.clone(), one.source.clone())));
        kept
    }

    /// Kinds and topics of all events since the last time.
    pub fn all(&mut self) -> Vec<String> {
        self.events
            .drain(..)
            .map(|(kind, topic, ..)| format!("{kind} {topic}"))
            .collect()
    }

    /// The labels of the next event of a kind.
    pub fn labels(&self, kind: &str) -> BTreeMap<String, String> {
        let (.., labels) = self.events.iter().find(|(k, ..)| k == kind).unwrap();
        labels.iter().cloned().collect()
    }

    pub fn event(&self, kind: &str, data: Value) -> Value {
        json!({
            "id": self.subscriptions[kind], "type": "event",
            "event": {"event_type": kind, "data": data, "origin": "LOCAL", "time_fired": "2025-04-11T09:00:01.000000+00:00"},
        })
    }

    pub fn state_changed(&self, id: &str, old: &str, new: &str) -> Value {
        let data =
            json!({"entity_id": id, "old_state": state(id, old), "new_state": state(id, new)});
        self.event("state_changed", data)
    }

    /// Replaces the plugin, with its state and, where it had one, its socket.
    pub fn reloaded(mut self, reason: &str, changes: Value) -> Self {
        let state = self.plugin.save().unwrap();
        let sockets = vec![(self.socket, URL.to_owned())];
        let mut start = testing::start(reason, state, sockets, vec![(1, "ping".to_owned())]);
        self.plugin = HomeAssistant::init(&mut start, config(changes)).unwrap();
        self.collect();
        self
    }
}

/// The socket that is being opened, out of the link's own words.
fn open_id(plugin: &HomeAssistant) -> u64 {
    let text = format!("{:?}", plugin.line);
    let at = text
        .find("Opening(WebSocket(")
        .unwrap_or_else(|| panic!("not opening: {text}"));
    let digits = text[at + 18..].split(')').next();
    digits.unwrap().parse().unwrap()
}

/// A request, out of the test host's words for `websocket.send`.
fn request(call: &str, socket: u64) -> Option<Value> {
    let text = call
        .strip_prefix(&format!("websocket.send {socket} [WsMessage::Text("))?
        .strip_suffix(")]")?;
    let text: String = serde_json::from_str(text).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}
