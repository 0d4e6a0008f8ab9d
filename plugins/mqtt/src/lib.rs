//! MQTT brokers, as a source of events. What it does and how it is configured is in the README beside this crate.
//!
//! ```text
//! socket (wire) → packets (codec) → conversation (session) → messages → events (mapping: rules, discovery, zigbee)
//!               → the gateway (outbox) → acknowledgements, back the same way
//! ```

mod codec;
mod config;
mod devices;
mod discovery;
mod draft;
mod expression;
mod handover;
mod mapping;
mod outbox;
mod problems;
mod publish;
mod rules;
mod session;
mod telling;
mod topics;
mod wire;
mod work;
mod zigbee;

use codec::Connect;
use config::Config;
use hearthgate_plugin::events::AdapterState;
use hearthgate_plugin::{
    Answer, Client, Failure, HostError, Input, Plugin, Rejection, Request, Start, State, TimerId,
    timers,
};
use mapping::Mapping;
use outbox::Outbox;
use session::{Phase, Session, Settings};
use std::time::{Duration, Instant};
use telling::Told;
use topics::Pattern;
use wire::{AGAIN, WATCH, Wire};

/// The tag of the timer that goes on with what one call did not do.
const MORE: &str = "more";
/// So long one call may read. A call has 100 ms of processor time by default.
const AT_ONCE: Duration = Duration::from_millis(30);
/// So many received bytes wait to be read at most.
const MOST_BACKLOG: usize = 4 * 1024 * 1024;

struct Mqtt {
    config: Config,
    publishable: Vec<Pattern>,
    instance: String,
    wire: Wire,
    session: Session,
    mapping: Mapping,
    outbox: Outbox,
    told: Told,
    /// The timer that goes on, while one is set.
    more: Option<TimerId>,
    /// When this call must end.
    until: Instant,
}

impl Plugin for Mqtt {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        let mut checked = config.check()?;
        let settings = Settings {
            version: config.version,
            qos: config.qos,
            largest: config.max_message,
            most_filters: 4 * config.max_entities + checked.rules.len() + 64,
        };
        let left = start
            .state
            .as_ref()
            .and_then(|state| handover::unpack(state, settings));
        let mut left = left.unwrap_or_default();
        if start.retained_is_gone() {
            left.known.untold();
        }
        let before = left.session.as_ref();
        let up = left.whole && before.is_some_and(|session| session.phase() == Phase::Up);
        let wire = Wire::start(start, checked.address.clone(), config.keep_alive, up)?;
        let session = match left.session {
            Some(session) if wire.is_open() => session,
            before => {
                left.outbox.lost();
                Session::after(settings, before)
            }
        };
        let publishable = std::mem::take(&mut checked.publish);
        let mut mqtt = Self {
            publishable,
            instance: start.instance.clone(),
            mapping: Mapping::new(&config, checked, left.known),
            wire,
            session,
            outbox: left.outbox,
            told: Told::default(),
            more: None,
            until: Instant::now() + AT_ONCE,
            config,
        };
        if mqtt.wire.is_open() {
            // A new version may want more than the one before it.
            mqtt.want_all();
            mqtt.tell(AdapterState::Connected, None)?;
            mqtt.go_on()?;
        } else {
            mqtt.connect()?;
        }
        Ok(mqtt)
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        handover::pack(&self.session, &self.outbox, self.mapping.known()).map(Some)
    }

    fn on_inputs(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        self.until = Instant::now() + AT_ONCE;
        for input in inputs {
            self.on_input(input)?;
        }
        self.go_on()
    }

    fn on_input(&mut self, input: Input) -> Result<(), Failure> {
        match input {
            Input::ConnectionOpened((id, _)) if self.wire.is(id) => self.opened(),
            Input::TcpData((id, data)) if self.wire.is(id) => {
                self.session.feed(&data);
                Ok(())
            }
            Input::ConnectionClosed((id, info)) if self.wire.is(id) => {
                // What came before the end is read first: it may say why.
                self.go_on()?;
                match self.wire.is(id) {
                    true if info.reason.is_empty() => self.lost("the broker closed the connection"),
                    true => self.lost(&format!("closed: {}", info.reason)),
                    false => Ok(()),
                }
            }
            Input::ConnectionFailed((id, error)) if self.wire.is(id) => {
                self.lost(&error.to_string())
            }
            Input::Timer((id, tag)) => self.timer(id, &tag),
            _ => Ok(()),
        }
    }

    fn handle(&mut self, _: Client, request: Request) -> Result<Answer, Rejection> {
        let retain = self.config.publish.retain;
        let answer = publish::handle(&mut self.session, &self.publishable, retain, &request)?;
        let sent = self.wire.send(&mut self.session);
        sent.map_err(Rejection::Unavailable)?;
        Ok(answer)
    }
}

impl Mqtt {
    fn timer(&mut self, id: TimerId, tag: &str) -> Result<(), Failure> {
        match tag {
            WATCH if self.wire.is_idle() => self.connect(),
            WATCH => match self.session.tick() {
                true => self.send(),
                false => self.lost("the broker does not answer"),
            },
            AGAIN if self.wire.is_due(id) => self.connect(),
            MORE if self.more == Some(id) => {
                self.more = None;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn connect(&mut self) -> Result<(), Failure> {
        self.tell(AdapterState::Connecting, None)?;
        match self.wire.open() {
            Ok(()) => Ok(()),
            Err(reason) => self.lost(&reason),
        }
    }

    fn opened(&mut self) -> Result<(), Failure> {
        self.wire.opened();
        let connect: Connect = wire::introduction(&self.config, &self.instance);
        self.want_all();
        let unfit = |error| Failure::misconfigured("username", format!("{error}"));
        self.session.opened(&connect).map_err(unfit)?;
        self.send()
    }

    fn want_all(&mut self) {
        let filters = self.mapping.filters();
        for filter in self.session.want(filters) {
            self.mapping
                .problems
                .tell("more topics than there is room for", &filter);
        }
    }

    fn send(&mut self) -> Result<(), Failure> {
        match self.wire.send(&mut self.session) {
            Ok(()) => Ok(()),
            Err(reason) => self.lost(&reason),
        }
    }

    /// Sets the timer that goes on, unless it is set.
    fn come_again(&mut self, after: Duration) -> Result<(), Failure> {
        if self.more.is_none() {
            self.more = Some(timers::after(after, MORE)?);
        }
        Ok(())
    }
}

hearthgate_plugin::plugin!(Mqtt: source, handler);

#[cfg(test)]
mod tests;
