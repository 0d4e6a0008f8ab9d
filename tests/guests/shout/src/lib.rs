//! A dialect: a greeting of its own, commands of its own, events in upper case, and a counter in the session
//! that shows that a reload drops nobody. See `tests/guests/README.md`.

use hearthgate_plugin::{
    Action, CallError, Caller, Condition, DialectClient, Failure, Filter, GatewayStats, Identity,
    Plugin, Published, Start, gateway,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Config {
    greeting: String,
    /// Events come as they are.
    plain: bool,
}

struct Shout(Config);

/// What a client may say.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Command {
    Subscribe {
        name: String,
        #[serde(default)]
        topics: Vec<String>,
        #[serde(default)]
        kinds: Vec<String>,
        #[serde(default, rename = "where")]
        conditions: BTreeMap<String, Vec<String>>,
        #[serde(default)]
        or_absent: bool,
    },
    Unsubscribe {
        name: String,
    },
    Authenticate {
        token: String,
    },
    Call {
        r#type: String,
        data: Value,
    },
    Send {
        texts: Vec<String>,
    },
    Close {
        code: u16,
        reason: String,
    },
    Trap,
    Clients,
    Query,
    Session {
        bytes: usize,
    },
}

fn actions(client: &DialectClient, command: Command) -> Vec<Action> {
    match command {
        Command::Subscribe {
            name,
            topics,
            kinds,
            conditions,
            or_absent,
        } => {
            let condition = |(label, any_of)| Condition {
                label,
                any_of,
                matches_when_absent: or_absent,
            };
            let conditions = conditions.into_iter().map(condition).collect();
            let done = Action::Send(format!("SUBSCRIBED {}", name.to_uppercase()));
            vec![
                Action::Subscribe((
                    name,
                    Filter {
                        topics,
                        kinds,
                        conditions,
                    },
                )),
                done,
            ]
        }
        Command::Unsubscribe { name } => {
            let done = Action::Send(format!("UNSUBSCRIBED {}", name.to_uppercase()));
            vec![Action::Unsubscribe(name), done]
        }
        Command::Authenticate { token } => vec![Action::Authenticate(token)],
        Command::Call { r#type, data } => vec![Action::Call((r#type, data.to_string()))],
        Command::Send { texts } => texts.into_iter().map(Action::Send).collect(),
        Command::Close { code, reason } => vec![Action::Close((code, reason))],
        Command::Trap => panic!("told to trap"),
        Command::Query => {
            let query = serde_json::to_string(&client.query).unwrap_or_default();
            vec![Action::Send(query)]
        }
        Command::Clients => vec![Action::Send(gateway::clients(0, 10))],
        Command::Session { bytes } => vec![Action::SetSession("x".repeat(bytes))],
    }
}

impl Plugin for Shout {
    type Config = Config;

    fn init(_: &mut Start, config: Config) -> Result<Self, Failure> {
        Ok(Self(config))
    }

    fn on_open(&mut self, client: DialectClient) -> Vec<Action> {
        let who = match client.caller {
            Caller::Anonymous => "STRANGER".to_owned(),
            Caller::Invalid(why) => format!("LIAR ({why})"),
            Caller::Identified(identity) => identity.subject.to_uppercase(),
        };
        vec![
            Action::Send(format!("{} {who} ON {}", self.0.greeting, client.path)),
            Action::SetSession("0".to_owned()),
        ]
    }

    fn on_text(&mut self, client: DialectClient, text: String) -> Vec<Action> {
        let count = client.session.parse::<u64>().unwrap_or(0) + 1;
        let mut all = vec![Action::SetSession(count.to_string())];
        match serde_json::from_str(&text) {
            Ok(command) => all.extend(actions(&client, command)),
            Err(_) => all.push(Action::Send(format!("{count} {}", text.to_uppercase()))),
        }
        all
    }

    fn on_reply(
        &mut self,
        _: DialectClient,
        kind: String,
        outcome: Result<String, CallError>,
    ) -> Vec<Action> {
        let text = match outcome {
            Ok(data) => format!("REPLY {kind} {data}"),
            Err(error) => format!("REFUSED {kind} {error:?}"),
        };
        vec![Action::Send(text)]
    }

    fn on_authenticated(
        &mut self,
        _: DialectClient,
        outcome: Result<Identity, String>,
    ) -> Vec<Action> {
        let text = match outcome {
            Ok(identity) => format!("WELCOME {}", identity.subject),
            Err(reason) => format!("WHO {reason}"),
        };
        vec![Action::Send(text)]
    }

    fn encode(&mut self, events: Vec<Published>) -> Vec<Vec<String>> {
        let shout = |published: Published| {
            let event = published.event;
            if self.0.plain {
                return vec![event.data];
            }
            let first = format!("{} {}", event.topic, event.data).to_uppercase();
            match event.kind.as_str() {
                // None, several: the host must take both.
                "test.silent" => Vec::new(),
                "test.poison" => panic!("told to trap"),
                "test.twice" => vec![first.clone(), first],
                _ => vec![first],
            }
        };
        events.into_iter().map(shout).collect()
    }

    fn heartbeat(&mut self, stats: GatewayStats) -> Vec<String> {
        vec![
            format!("HEARTBEAT {}", stats.connections),
            "STILL HERE".to_owned(),
        ]
    }
}

hearthgate_plugin::plugin!(Shout: dialect);
