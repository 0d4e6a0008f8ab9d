//! The work of one call: some milliseconds of what waits, and a timer for the rest.

use crate::line::Change;
use crate::model::Occasion;
use crate::scan::{Found, Frame};
use crate::sync::Reading;
use crate::*;
use std::time::Duration;

/// How long one call works. The gateway's limit is `limits.call-time`, 100 ms by default.
const TURN: Duration = Duration::from_millis(10);
/// Bytes that are looked at between two looks at the clock.
const FUEL: usize = 64 << 10;
/// Tag of the ping's timer.
pub const PING: &str = "ping";
const PONG: &str = "pong";
const WORK: &str = "work";
const SETTLE: &str = "settle";
const STARTING: &str = "starting";
const CALLS: &str = "calls";

/// The timers that are set, each at most once.
#[derive(Debug, Default)]
pub struct Wakes {
    set: BTreeSet<&'static str>,
    /// The gateway asked not to publish before this.
    throttled: Option<Instant>,
}

impl Wakes {
    pub fn is_mine(&self, tag: &str) -> bool {
        [PING, PONG, WORK, SETTLE, STARTING, CALLS].contains(&tag)
    }

    fn after(&mut self, delay: Duration, tag: &'static str) {
        if !self.set.contains(tag) && set_timer(delay, tag) {
            self.set.insert(tag);
        }
    }

    /// The gateway asked to wait.
    fn throttle(&mut self, until: Instant, wait: Duration) {
        self.throttled = Some(until);
        self.after(wait, WORK);
    }

    /// Registries are read anew a little after the first change, so that many changes cost one reading.
    pub fn settle_after(&mut self, delay: Duration) {
        self.after(delay, SETTLE);
    }

    /// Home Assistant starts: it is asked again in a while.
    pub fn ask_again(&mut self) {
        self.after(Duration::from_secs(2), STARTING);
    }

    /// A call that is made now may be overdue then.
    pub fn look_after_calls(&mut self, timeout: Duration) {
        self.after(timeout, CALLS);
    }
}

fn set_timer(delay: Duration, tag: &str) -> bool {
    let set = timers::after(delay, tag);
    if let Err(error) = &set {
        log_with(
            Level::Error,
            "no timer",
            &[("tag", &tag), ("reason", error)],
        );
    }
    set.is_ok()
}

impl HomeAssistant {
    pub fn on_wake(&mut self, _: TimerId, tag: &str) {
        self.wakes.set.remove(tag);
        match tag {
            PING => self.ping(),
            PONG => self.look_for_pong(),
            SETTLE => self.refresh(),
            STARTING => self.ask_config(),
            CALLS => self.give_up_calls(),
            _ => {}
        }
    }

    fn ping(&mut self) {
        if self.line.ping() {
            self.wakes.after(self.config.pong_timeout, PONG);
        }
    }

    fn look_for_pong(&mut self) {
        if !self.line.is_alive() {
            log::warn!("home assistant does not answer its ping; connecting anew");
        }
    }

    pub fn on_line(&mut self, change: Change) -> Result<(), Failure> {
        if let Change::Down(reason, retry_in, calls) = change {
            self.refuse_calls(calls, "the connection to Home Assistant was lost");
            self.forget_reading();
            log_with(
                Level::Warn,
                "home assistant is away",
                &[("reason", &reason), ("retry_ms", &retry_in.as_millis())],
            );
            self.tell_status(AdapterState::Disconnected, Some(reason));
        }
        Ok(())
    }

    /// Does what waits, for a while.
    pub fn work(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + TURN;
        loop {
            if self.model.outbox.len() >= outbox::FULL && !self.publish() {
                return Ok(());
            }
            if Instant::now() >= end {
                self.wakes.after(Duration::ZERO, WORK);
                break;
            }
            if !self.step()? {
                break;
            }
        }
        self.publish();
        Ok(())
    }

    /// Publishes what waits. `false`: the gateway asks to wait.
    fn publish(&mut self) -> bool {
        let now = Instant::now();
        if let Some(until) = self.wakes.throttled.take_if(|until| now < *until) {
            self.wakes.throttle(until, until - now);
            return false;
        }
        let model = &mut self.model;
        let wait = outbox::flush(&mut model.outbox, &mut model.complaints);
        if let Some(wait) = wait {
            self.wakes.throttle(Instant::now() + wait, wait);
        }
        wait.is_none()
    }

    /// One step. `false`: there is nothing to do.
    fn step(&mut self) -> Result<bool, Failure> {
        if let Some(task) = self.tasks.pop_front() {
            self.run(task);
            return Ok(true);
        }
        let Some(mut frame) = self.backlog.take() else {
            return self.end();
        };
        let done = self.read(&mut frame)?;
        if !done {
            self.backlog.put_back(frame);
        }
        Ok(true)
    }

    /// All that the socket brought is read: now for its end, if it has come. `false`: it has not.
    fn end(&mut self) -> Result<bool, Failure> {
        let Some(closed) = self.ending.take() else {
            return Ok(false);
        };
        let change = self.line.on_input(&closed);
        self.on_line(change)?;
        Ok(true)
    }

    /// Reads on in a frame. `true`: it is done.
    fn read(&mut self, frame: &mut Frame) -> Result<bool, Failure> {
        match frame.next(&mut FUEL.clone()) {
            Found::Resting => Ok(false),
            Found::End => Ok(true),
            Found::Broken => {
                self.model
                    .complaints
                    .add("a frame that is no JSON", &frame.text);
                Ok(true)
            }
            Found::Message(message) => {
                self.on_message(frame, &message)?;
                Ok(false)
            }
            Found::Element(span) => {
                self.on_element(frame.slice(&span), frame.done());
                Ok(false)
            }
            Found::ListEnd => {
                self.end_reading();
                Ok(false)
            }
        }
    }

    /// One entry of the answer that is being read.
    fn on_element(&mut self, text: &str, done: f64) {
        let model = &mut self.model;
        match &mut self.reading {
            None => {}
            Some(Reading::Registry(which, new)) => {
                let full = new.len(*which) >= self.config.max_entities;
                sync::take_entry(model, *which, new, text, full);
            }
            Some(Reading::States(occasion)) => take_state(model, text, *occasion),
        }
        self.tell_progress(done);
    }
}

/// Largest piece that is parsed: a state is not larger than an event may be, and not by far.
pub const LARGEST_PIECE: usize = 1 << 20;

fn take_state(model: &mut Model, text: &str, occasion: Occasion) {
    if text.len() > LARGEST_PIECE {
        return model.complaints.add("a state larger than 1 MiB", text);
    }
    match serde_json::from_str::<wire::State<'_>>(text) {
        Ok(state) => model.take(&state, None, occasion),
        Err(_) => model.complaints.add("a state that does not fit", text),
    }
}
