//! Misbehaves on purpose, as its configuration says. See `tests/guests/README.md`.
#![cfg_attr(feature = "table-growth", feature(asm_experimental_arch))]

mod deeds;
#[cfg(feature = "table-growth")]
mod table;

use deeds::What;
use hearthgate_plugin::{
    Action, Answer, Client, DialectClient, Failure, GatewayStats, HostError, HttpAnswer, HttpCall,
    HttpReply, Plugin, Published, Rejection, Request, Start, State, TimerId,
};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// The configuration.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    when: When,
    what: What,
    /// How much of it; 0: the deed's own default.
    amount: u64,
    period_ms: u64,
    url: String,
    socket: String,
    command: String,
    /// Means nothing: a change that a test can make.
    #[serde(rename = "note")]
    _note: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum When {
    Never,
    Init,
    Input,
    Save,
    Reconfigure,
    Stop,
    Handle,
    Serve,
    Events,
    OnOpen,
    OnText,
    Encode,
    Heartbeat,
}

impl When {
    /// Whether that export returns what can be a big string.
    fn returns_text(self) -> bool {
        use When::{Encode, Handle, OnOpen, OnText, Serve};
        matches!(self, Handle | Serve | OnOpen | OnText | Encode)
    }
}

struct Misbehave {
    config: Config,
    ticks: u64,
    /// What was allocated and is held.
    held: Vec<Vec<u8>>,
}

impl Misbehave {
    /// Does the deed if this is the moment for it.
    fn maybe(&mut self, now: When) -> Result<(), Failure> {
        if self.config.when == now {
            deeds::commit(&self.config, &mut self.held)?;
        }
        Ok(())
    }

    fn maybe_actions(&mut self, now: When) -> Vec<Action> {
        match self.maybe(now) {
            Ok(()) if self.config.what == What::BigString && self.config.when == now => {
                vec![Action::Send(deeds::big_string(&self.config))]
            }
            Ok(()) => Vec::new(),
            Err(failure) => vec![Action::Close((4000, format!("{failure:?}")))],
        }
    }
}

impl Plugin for Misbehave {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        start.every(Duration::from_millis(config.period_ms), "tick")?;
        let mut this = Self {
            config,
            ticks: 0,
            held: Vec::new(),
        };
        this.maybe(When::Init)?;
        Ok(this)
    }

    fn reconfigure(&mut self, config: Config) -> Result<bool, Failure> {
        self.maybe(When::Reconfigure)?;
        self.config = config;
        Ok(true)
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        if self.config.when == When::Save {
            if self.config.what == What::OversizedState {
                return Ok(Some(State {
                    schema: 1,
                    data: deeds::bytes(&self.config, 64 << 20),
                }));
            }
            deeds::commit(&self.config, &mut Vec::new())
                .map_err(|failure| HostError::new("save", format!("{failure:?}")))?;
        }
        State::json(1, &self.ticks).map(Some)
    }

    fn stop(&mut self) {
        // There is nobody left to tell of a failure.
        let _ = self.maybe(When::Stop);
    }

    fn on_timer(&mut self, _: TimerId, _: &str) -> Result<(), Failure> {
        self.ticks += 1;
        self.maybe(When::Input)?;
        deeds::tell(self.ticks, self.held.len())
    }

    fn on_events(&mut self, _: Vec<Published>) -> Result<(), Failure> {
        self.maybe(When::Events)
    }

    fn handle(&mut self, _: Client, _: Request) -> Result<Answer, Rejection> {
        let done = self.maybe(When::Handle);
        done.map_err(|failure| Rejection::Unavailable(format!("{failure:?}")))?;
        if self.config.when == When::Handle && self.config.what == What::BigString {
            return Answer::json(&deeds::big_string(&self.config));
        }
        Answer::json(&json!({"ticks": self.ticks, "held": self.held.len()}))
    }

    fn serve(&mut self, _: HttpCall) -> HttpAnswer {
        match self.maybe(When::Serve) {
            Ok(()) if self.config.when == When::Serve && self.config.what == What::BigString => {
                HttpReply::text(200, deeds::big_string(&self.config)).into()
            }
            Ok(()) => HttpReply::text(200, self.ticks.to_string()).into(),
            Err(failure) => HttpReply::text(500, format!("{failure:?}")).into(),
        }
    }

    fn on_open(&mut self, _: DialectClient) -> Vec<Action> {
        let mut actions = vec![Action::Send("open".to_owned())];
        actions.extend(self.maybe_actions(When::OnOpen));
        actions
    }

    fn on_text(&mut self, _: DialectClient, text: String) -> Vec<Action> {
        let mut actions = vec![Action::Send(format!("heard {text}"))];
        actions.extend(self.maybe_actions(When::OnText));
        actions
    }

    fn encode(&mut self, events: Vec<Published>) -> Vec<Vec<String>> {
        // An error can't be told here; the deeds that give one have no place in `encode`.
        let _ = self.maybe(When::Encode);
        if self.config.when == When::Encode && self.config.what == What::BigString {
            return vec![vec![deeds::big_string(&self.config)]];
        }
        events
            .into_iter()
            .map(|published| vec![published.event.data])
            .collect()
    }

    fn heartbeat(&mut self, stats: GatewayStats) -> Vec<String> {
        let _ = self.maybe(When::Heartbeat);
        vec![format!("clients {}", stats.connections)]
    }
}

hearthgate_plugin::plugin!(Misbehave: source, subscriber, handler, routes, dialect);
