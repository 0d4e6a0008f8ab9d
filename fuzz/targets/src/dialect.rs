//! What holds for every dialect, whatever its clients say: what it returns is what the gateway takes.

use hearthgate::config::Config;
use hearthgate::dialects::{MAX_ACTIONS, MAX_SESSION};
use hearthgate::event::{Kind, Labels, TopicFilter};
use hearthgate_plugin::{Action, Caller, DialectClient, Filter, Plugin, testing};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Separates a client's texts in an input: JSON never has it.
const BETWEEN: char = '\u{1e}';
/// Most texts of one input.
const MAX_TEXTS: usize = 8;
/// What a dialect may say whatever it was told; beyond that its answer grows with the text alone.
const BASE: usize = 64 * 1024;
/// Most values in a client's filters: what a few kilobytes of a client's become at each change is bounded too.
const MAX_VALUES: usize = 16 * 1024;
/// What a text may be answered with for each of its bytes: it may be repeated, escaped.
const GROWTH: usize = 4;

/// How many subscriptions a connection has at most where the operator says nothing of it.
static MAX_SUBSCRIPTIONS: LazyLock<usize> = LazyLock::new(|| {
    let config = Config::parse("").expect("an empty configuration is one");
    config.connections.terms.max_subscriptions
});

/// A client of a dialect, and what the gateway keeps with it.
pub struct Client<P> {
    new: fn() -> P,
    path: String,
    session: String,
    held: BTreeMap<String, Filter>,
}

impl<P> Clone for Client<P> {
    fn clone(&self) -> Self {
        Self {
            new: self.new,
            path: self.path.clone(),
            session: self.session.clone(),
            held: self.held.clone(),
        }
    }
}

impl<P: Plugin> Client<P> {
    /// A client that has connected; `new` makes an instance of the plugin.
    pub fn open(new: fn() -> P, path: &str) -> Self {
        let mut client = Self {
            new,
            path: path.to_owned(),
            session: String::new(),
            held: BTreeMap::new(),
        };
        let actions = new().on_open(client.opened());
        client.take(actions, "");
        client
    }

    /// Says the texts of an input, one after another.
    pub fn say_all(mut self, texts: &str) {
        let mut plugin = (self.new)();
        for text in texts.split(BETWEEN).take(MAX_TEXTS) {
            self.say(&mut plugin, text);
        }
        // The test's host notes what plugins do; here nobody asks.
        drop((testing::logged(), testing::calls(), testing::published()));
    }

    /// Says a text. The instance that has seen all before and one that has seen nothing give the same answer: the
    /// gateway makes and drops instances as it likes.
    pub fn say(&mut self, plugin: &mut P, text: &str) {
        let actions = plugin.on_text(self.opened(), text.to_owned());
        let fresh = (self.new)().on_text(self.opened(), text.to_owned());
        assert_eq!(
            actions.iter().map(timeless).collect::<Vec<_>>(),
            fresh.iter().map(timeless).collect::<Vec<_>>(),
            "another instance answers otherwise"
        );
        for asked in testing::retained_asked() {
            assert!(TopicFilter::parse(&asked).is_ok(), "asked for {asked:?}");
        }
        self.take(actions, text);
    }

    fn opened(&self) -> DialectClient {
        DialectClient {
            id: "0123456789abcdef".to_owned(),
            path: self.path.clone(),
            query: vec![("client_id".to_owned(), "phone-1".to_owned())],
            caller: Caller::Anonymous,
            address: "127.0.0.1".to_owned(),
            session: self.session.clone(),
        }
    }

    /// Does what the gateway does, and insists on what it would refuse otherwise.
    fn take(&mut self, actions: Vec<Action>, text: &str) {
        assert!(actions.len() <= MAX_ACTIONS, "{} actions", actions.len());
        let mut sent = 0;
        for action in actions {
            match action {
                Action::Send(text) => {
                    let message: Value = serde_json::from_str(&text).expect("it is JSON");
                    assert!(message["type"].is_string(), "{text}");
                    sent += text.len();
                }
                Action::Subscribe((name, filter)) => {
                    check(&filter);
                    self.held.insert(name, filter);
                }
                Action::Unsubscribe(name) => drop(self.held.remove(&name)),
                Action::SetSession(session) => {
                    let length = session.len();
                    assert!(length <= MAX_SESSION, "a session of {length} bytes");
                    self.session = session;
                }
                Action::Call((kind, data)) => {
                    let _: &serde_json::value::RawValue =
                        serde_json::from_str(&data).expect("a call's data is JSON");
                    sent += kind.len() + data.len();
                }
                Action::Authenticate(token) => {
                    assert!(!token.is_empty());
                    sent += token.len();
                }
                Action::Close((code, _)) => assert!((1000..5000).contains(&code), "{code}"),
            }
        }
        let most = BASE + GROWTH * text.len();
        assert!(sent <= most, "{sent} bytes for {} bytes", text.len());
        let held = self.held.len();
        assert!(held <= *MAX_SUBSCRIPTIONS, "{held} subscriptions");
        let conditions = self.held.values().flat_map(|filter| &filter.conditions);
        let values: usize = conditions.map(|condition| condition.any_of.len()).sum();
        assert!(values <= MAX_VALUES, "{values} values in filters");
    }
}

/// A filter that the gateway takes, and that some event can pass.
fn check(filter: &Filter) {
    for topic in &filter.topics {
        assert!(TopicFilter::parse(topic).is_ok(), "{topic:?}");
    }
    for kind in &filter.kinds {
        assert!(Kind::parse(kind).is_ok(), "{kind:?}");
    }
    for condition in &filter.conditions {
        let one = condition.any_of.iter();
        let mut values = one.map(String::as_str).chain([""]);
        assert!(
            values.all(|value| Labels::parse([(&*condition.label, value)]).is_ok()),
            "{condition:?}"
        );
        let possible = condition.matches_when_absent || !condition.any_of.is_empty();
        assert!(possible, "nothing passes {condition:?}");
    }
}

/// An action without the time at which it was taken.
fn timeless(action: &Action) -> Action {
    let Action::Send(text) = action else {
        return action.clone();
    };
    let mut message: Value = serde_json::from_str(text).expect("it is JSON");
    for place in ["/timestamp", "/data/timestamp", "/data/server_time"] {
        if let Some(time) = message.pointer_mut(place) {
            *time = Value::Null;
        }
    }
    Action::Send(message.to_string())
}
