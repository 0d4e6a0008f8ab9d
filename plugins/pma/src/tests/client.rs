//! A client without a gateway: keeps what the host keeps, and matches as the host does.

use crate::{Config, Form, Pma};
use hearthgate_plugin::{Action, Caller, DialectClient, Filter, Plugin, testing};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A plugin, and one client of it.
pub struct Client {
    pub pma: Pma,
    pub kept: String,
    pub query: Vec<(String, String)>,
    pub subscriptions: BTreeMap<String, Filter>,
    /// Actions that the host would carry out elsewhere.
    pub asked: Vec<Action>,
}

/// A plugin with the default configuration, and `source-names` as the truth table needs them.
pub fn plugin(form: Form, max_items: usize) -> Pma {
    let config = Config {
        dialect: form,
        max_items,
        source_names: BTreeMap::from([("home".to_owned(), "homeassistant".to_owned())]),
        entity_domains: ["acme".to_owned()].into(),
        service: "pma".to_owned(),
    };
    Pma::init(&mut testing::start("fresh", None, vec![], vec![]), config).unwrap()
}

impl Client {
    /// A client that has been greeted.
    pub fn new(form: Form) -> (Self, Vec<Value>) {
        Self::with_query(form, &[])
    }

    /// A client that connected with a query.
    pub fn with_query(form: Form, query: &[(&str, &str)]) -> (Self, Vec<Value>) {
        Self::connected(plugin(form, 20), query)
    }

    /// A client whose sets have at most so many items.
    pub fn with_items(form: Form, most: usize) -> (Self, Vec<Value>) {
        Self::connected(plugin(form, most), &[])
    }

    fn connected(pma: Pma, query: &[(&str, &str)]) -> (Self, Vec<Value>) {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let mut client = Self {
            pma,
            kept: String::new(),
            query: query.iter().map(own).collect(),
            subscriptions: BTreeMap::new(),
            asked: Vec::new(),
        };
        let actions = client.pma.on_open(client.opened());
        let frames = client.take(actions);
        (client, frames)
    }

    /// What the host hands to the plugin with every call.
    pub fn opened(&self) -> DialectClient {
        DialectClient {
            id: "0123456789abcdef".to_owned(),
            path: "/ws".to_owned(),
            query: self.query.clone(),
            caller: Caller::Anonymous,
            address: "127.0.0.1".to_owned(),
            session: self.kept.clone(),
        }
    }

    /// Sends a text, and returns the answers.
    pub fn say(&mut self, text: &str) -> Vec<Value> {
        let actions = self.pma.on_text(self.opened(), text.to_owned());
        self.take(actions)
    }

    /// Does what the host does.
    pub fn take(&mut self, actions: Vec<Action>) -> Vec<Value> {
        let mut frames = Vec::new();
        for action in actions {
            match action {
                Action::Send(text) => frames.push(serde_json::from_str(&text).unwrap()),
                Action::Subscribe((name, filter)) => {
                    self.subscriptions.insert(name, filter);
                }
                Action::Unsubscribe(name) => {
                    self.subscriptions.remove(&name).expect("it was subscribed");
                }
                Action::SetSession(session) => self.kept = session,
                other => self.asked.push(other),
            }
        }
        frames
    }

    /// Whether an event of that kind and labels would reach the client.
    pub fn gets(&self, kind: &str, labels: &BTreeMap<String, String>) -> bool {
        self.subscriptions.values().any(|filter| {
            let kinds = filter.kinds.is_empty() || filter.kinds.iter().any(|k| k == kind);
            kinds
                && filter
                    .conditions
                    .iter()
                    .all(|c| match labels.get(&c.label) {
                        Some(value) => c.any_of.contains(value),
                        None => c.matches_when_absent,
                    })
        })
    }
}

/// An answer without its times.
pub fn timeless(mut frame: Value) -> Value {
    frame
        .as_object_mut()
        .unwrap()
        .remove("timestamp")
        .expect("every frame has a time");
    if let Some(data) = frame["data"].as_object_mut() {
        for key in ["timestamp", "server_time"] {
            if data.contains_key(key) {
                data.insert(key.to_owned(), json!("NOW"));
            }
        }
    }
    frame
}

pub fn answers(client: &mut Client, text: &str) -> Vec<Value> {
    client.say(text).into_iter().map(timeless).collect()
}

pub fn check(form: Form, text: &str, expected: &[Value]) {
    let (mut client, _) = Client::new(form);
    assert_eq!(answers(&mut client, text), expected, "{text}");
}
