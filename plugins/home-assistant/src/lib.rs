//! A home of Home Assistant's, over its WebSocket API. What it emits and answers is in the README beside this crate.
//!
//! ```text
//! socket → backlog (frames) → work: scan → messages → sync (readings) | live (events) → model → outbox → gateway
//! ```
//! Each call does some milliseconds of that and sets a timer for the rest, so an answer of ten megabytes holds up nothing.

mod backlog;
mod calls;
mod complaints;
mod config;
mod facts;
mod filter;
mod handover;
mod home;
mod ids;
mod line;
mod live;
mod model;
mod outbox;
mod registry;
mod scan;
mod seed;
mod session;
mod status;
mod sync;
mod wire;
mod work;

use backlog::Backlog;
use config::Config;
use hearthgate_plugin::events::AdapterState;
use hearthgate_plugin::log::Level;
use hearthgate_plugin::net::{WebSocketTarget, WsMessage};
use hearthgate_plugin::*;
use line::Line;
use model::Model;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// The plugin.
struct HomeAssistant {
    config: Config,
    line: Line,
    model: Model,
    backlog: Backlog,
    /// The end of the socket, which comes after what it brought: the refusal of the token, for one.
    ending: Option<Input>,
    /// What is to be done before the next message is read.
    tasks: VecDeque<sync::Task>,
    /// What is still to be asked for, one after the other.
    plan: VecDeque<sync::Step>,
    /// The answer that is being read.
    reading: Option<sync::Reading>,
    /// The synchronisation that is under way.
    sync: Option<sync::Sync>,
    /// Whether the home was read whole since the plugin began, or an instance before it.
    synchronised: bool,
    /// What was said to have changed since it was last read.
    dirty: BTreeSet<registry::Which>,
    wakes: work::Wakes,
    /// Home Assistant's version, once it said so.
    version: Option<String>,
}

impl Plugin for HomeAssistant {
    type Config = Config;

    fn init(start: &mut Start, config: Config) -> Result<Self, Failure> {
        config.check()?;
        start.every(config.ping_interval, work::PING)?;
        let saved = handover::take(start);
        let target = WebSocketTarget::new(config.url.as_str());
        let link = match saved {
            Some(_) => Link::start(start, target),
            None => handover::new_link(start, target),
        };
        let mut this = Self::fresh(config, link);
        match saved {
            Some(saved) => this.resume(saved),
            None => this.seed()?,
        }
        if !this.line.is_up() {
            this.tell_status(AdapterState::Connecting, None);
        }
        this.work()?;
        Ok(this)
    }

    fn save(&self) -> Result<Option<State>, HostError> {
        self.hand_over().map(Some)
    }

    fn on_inputs(&mut self, inputs: Vec<Input>) -> Result<(), Failure> {
        for input in inputs {
            self.take(input)?;
        }
        self.work()
    }

    fn handle(&mut self, _: Client, request: Request) -> Result<Answer, Rejection> {
        match request.kind.as_str() {
            "call_service" => self.call_service(&request),
            "get_states" => self.get_states(&request),
            other => Err(Rejection::NotFound(format!("no handler for {other}"))),
        }
    }
}

impl HomeAssistant {
    fn fresh(config: Config, link: Link) -> Self {
        Self {
            model: Model::new(&config),
            config,
            line: Line::new(link),
            backlog: Backlog::default(),
            ending: None,
            tasks: VecDeque::new(),
            plan: VecDeque::new(),
            reading: None,
            sync: None,
            synchronised: false,
            dirty: BTreeSet::new(),
            wakes: work::Wakes::default(),
            version: None,
        }
    }

    /// One input. Frames only wait here; `work` reads them.
    fn take(&mut self, input: Input) -> Result<(), Failure> {
        match input {
            Input::WsMessages((id, messages)) if self.line.is_socket(id) => {
                self.line.heard();
                messages
                    .into_iter()
                    .for_each(|message| self.take_frame(message));
                Ok(())
            }
            Input::Timer((id, tag)) if self.wakes.is_mine(&tag) => {
                self.on_wake(id, &tag);
                Ok(())
            }
            Input::ConnectionClosed((id, info)) if self.line.is_socket(id) => {
                self.ending = Some(Input::ConnectionClosed((id, info)));
                Ok(())
            }
            other => {
                let change = self.line.on_input(&other);
                self.on_line(change)
            }
        }
    }

    fn take_frame(&mut self, message: WsMessage) {
        let text = match message {
            WsMessage::Text(text) | WsMessage::TextTemplate(text) => text,
            WsMessage::Binary(bytes) => {
                let sample = format!("{} bytes", bytes.len());
                return self.model.complaints.add("a binary frame", &sample);
            }
        };
        metrics::add("frames_total", 1, &[]);
        metrics::add("received_bytes_total", text.len() as u64, &[]);
        let large = text.len();
        if !self.backlog.push(text) {
            self.run_over(large);
        }
    }

    /// More came than could be published: what waited is dropped, and the home is read anew.
    fn run_over(&mut self, bytes: usize) {
        metrics::add("overruns_total", 1, &[]);
        log_with(
            Level::Warn,
            "home assistant sends more than can be published; the home is read anew",
            &[("bytes", &bytes)],
        );
        self.reading = None;
        self.line.close("overrun");
    }
}

hearthgate_plugin::plugin!(HomeAssistant: source, handler);

#[cfg(test)]
mod tests;
