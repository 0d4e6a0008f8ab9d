//! One client's conversation with a broker, without its socket: bytes in, bytes and [`Happening`]s out. What a reload
//! must hand over is in [`Memory`].

mod incoming;
mod reasons;

pub use reasons::Refusal;

use crate::codec::{self, Connect, Frames, Message, Qos, Unfit, Version};
use crate::topics::Pattern;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// So many filters are asked for in one packet.
const FILTERS_PER_PACKET: usize = 64;
/// So many of our QoS 1 and 2 messages may wait for their acknowledgement.
pub const MOST_UNDER_WAY: usize = 64;

/// What does not change while it runs.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub version: Version,
    /// The QoS that is asked for in subscriptions.
    pub qos: Qos,
    /// The largest packet that is taken, in bytes.
    pub largest: usize,
    /// So many filters may be subscribed to.
    pub most_filters: usize,
}

/// Where the conversation stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// There is no connection.
    #[default]
    Down,
    /// CONNECT was sent.
    Greeting,
    /// The broker let us in.
    Up,
}

/// A message of ours that the broker has not confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sending {
    /// Who waits for the outcome; nobody any more once the link was lost.
    request: Option<u64>,
    qos: Qos,
}

/// What the broker allows; it says so in CONNACK.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Allowed {
    under_way: usize,
    qos: Qos,
    retain: bool,
    packet: usize,
}

impl Default for Allowed {
    fn default() -> Self {
        Self {
            under_way: MOST_UNDER_WAY,
            qos: Qos::Two,
            retain: true,
            packet: usize::MAX,
        }
    }
}

/// Reading what is retained, after a subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    /// Whether something retained came since the last ping.
    more: bool,
    rounds: u32,
}

/// All that the next instance needs to go on with the same connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    phase: Phase,
    last_id: u16,
    filters: Vec<String>,
    refused: BTreeMap<String, String>,
    asked: BTreeMap<u16, Vec<String>>,
    /// Ids of QoS 2 messages that came and were not released.
    received: BTreeSet<u16>,
    sending: BTreeMap<u16, Sending>,
    allowed: Allowed,
    pings: u32,
    heard: bool,
    reading: Option<Reading>,
}

/// Something to do or to know.
#[derive(Debug, PartialEq, Eq)]
pub enum Happening {
    /// The broker let us in; whether it kept our session; and its own keep-alive in seconds, if it has one.
    Greeted {
        resumed: bool,
        keep_alive: Option<u16>,
    },
    /// The broker did not let us in.
    Refused(Refusal, String),
    /// A message; it must be acknowledged once it is safe.
    Message(Message),
    /// The broker doesn't let us read a filter, and why.
    FilterRefused(String, String),
    /// All that is retained was read.
    Synced,
    /// What became of a message of ours.
    Delivered(u64, Result<(), String>),
    /// The broker ends the connection: how bad it is, and why.
    Ended(Refusal, String),
    /// Something was skipped: its cause, and what is known about it.
    Skipped(&'static str, String),
}

/// The connection must end: why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub String);

/// Why a message can't be published now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPublished {
    /// Later, perhaps.
    Unavailable(String),
    /// Not to this broker.
    Unfit(String),
}

impl From<Unfit> for NotPublished {
    fn from(error: Unfit) -> Self {
        Self::Unfit(error.to_string())
    }
}

/// A message of ours.
#[derive(Debug, Clone)]
pub struct Outgoing<'a> {
    pub request: u64,
    pub topic: &'a str,
    pub payload: &'a [u8],
    pub qos: Qos,
    pub retain: bool,
}

/// The conversation.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    memory: Memory,
    /// The memory's filters without wildcards, of which there may be thousands.
    plain: HashSet<String>,
    /// Those with wildcards, taken apart: a few.
    wide: Vec<Pattern>,
    frames: Frames,
    out: Vec<u8>,
}

impl Session {
    /// A conversation that has not begun.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            memory: Memory::default(),
            plain: HashSet::new(),
            wide: Vec::new(),
            frames: Frames::new(settings.largest),
            out: Vec::new(),
        }
    }

    /// Goes on where another instance left off, with the same connection.
    pub fn resume(settings: Settings, memory: Memory, frames: Frames) -> Self {
        let mut session = Self::new(settings);
        session.frames = frames;
        for filter in &memory.filters {
            session.know(Pattern::of_filter(filter));
        }
        session.memory = memory;
        session
    }

    /// A conversation that has not begun, after another one with the same broker: which messages of QoS 2 were taken is
    /// known still, or they would be taken twice. A broker that does not know the session says so.
    pub fn after(settings: Settings, before: Option<Self>) -> Self {
        let mut session = Self::new(settings);
        if let Some(mut before) = before {
            // Who waited for an outcome asked an instance that is no more.
            before.lost();
            session.memory.received = before.memory.received;
            session.memory.sending = before.memory.sending;
        }
        session
    }

    /// What the next instance needs; and the bytes that were not read yet.
    pub fn memory(&self) -> (&Memory, &Frames) {
        (&self.memory, &self.frames)
    }

    pub fn phase(&self) -> Phase {
        self.memory.phase
    }

    /// Filters that the broker doesn't let us read, with its reasons.
    pub fn refused(&self) -> &BTreeMap<String, String> {
        &self.memory.refused
    }

    /// How many filters are subscribed to.
    pub fn filters(&self) -> usize {
        self.memory.filters.len()
    }

    /// How many received bytes wait to be read.
    pub fn backlog(&self) -> usize {
        self.frames.pending().len()
    }

    /// What is to be sent.
    pub fn take_out(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// There is a new connection: introduces us.
    ///
    /// # Errors
    /// A name or a password is no text that MQTT can carry.
    pub fn opened(&mut self, connect: &Connect) -> Result<(), Unfit> {
        self.frames = Frames::new(self.settings.largest);
        self.out = codec::connect(self.settings.version, connect)?;
        self.memory.phase = Phase::Greeting;
        self.memory.heard = true;
        Ok(())
    }

    /// The connection is gone. Returns the requests that nobody will confirm now.
    pub fn lost(&mut self) -> Vec<u64> {
        let memory = &mut self.memory;
        memory.phase = Phase::Down;
        memory.asked.clear();
        memory.reading = None;
        memory.pings = 0;
        self.frames = Frames::new(self.settings.largest);
        self.out.clear();
        // An id of QoS 2 may be known to the broker; it is released if the session is still there.
        let requests = memory.sending.values_mut();
        let requests = requests
            .filter_map(|sending| sending.request.take())
            .collect();
        memory.sending.retain(|_, sending| sending.qos == Qos::Two);
        requests
    }

    /// Adds what was received.
    pub fn feed(&mut self, data: &[u8]) {
        self.memory.heard = true;
        self.frames.feed(data);
    }

    /// Half of the keep-alive has passed: asks whether the broker is there. `false`: it did not answer the last time.
    pub fn tick(&mut self) -> bool {
        let memory = &mut self.memory;
        let heard = std::mem::take(&mut memory.heard);
        match memory.phase {
            Phase::Down => true,
            Phase::Greeting => heard,
            Phase::Up if memory.pings > 0 && !heard => false,
            Phase::Up => {
                self.ping();
                true
            }
        }
    }

    fn ping(&mut self) {
        self.memory.pings += 1;
        self.out.extend(codec::ping());
    }

    /// Reads more topics, unless a filter that is there covers them. Returns those that are too many.
    pub fn want(&mut self, filters: impl IntoIterator<Item = Pattern>) -> Vec<String> {
        let mut new = Vec::new();
        let mut too_many = Vec::new();
        for pattern in filters {
            let filter = pattern.filter();
            let known = self.wide.iter().any(|known| known.covers(&pattern));
            if known || self.plain.contains(&filter) {
                continue;
            }
            if self.plain.len() + self.wide.len() >= self.settings.most_filters {
                too_many.push(filter);
            } else {
                new.push(filter);
                self.know(pattern);
            }
        }
        self.memory.filters.extend(new.iter().cloned());
        if self.memory.phase == Phase::Up {
            self.subscribe(&new);
        }
        too_many
    }

    fn know(&mut self, pattern: Pattern) {
        match pattern.is_topic() {
            true => drop(self.plain.insert(pattern.filter())),
            false => self.wide.push(pattern),
        }
    }

    fn subscribe(&mut self, filters: &[String]) {
        for filters in filters.chunks(FILTERS_PER_PACKET) {
            let id = self.fresh_id();
            match codec::subscribe(self.settings.version, id, filters, self.settings.qos) {
                Ok(packet) => {
                    self.out.extend(packet);
                    self.memory.asked.insert(id, filters.to_vec());
                }
                Err(error) => {
                    let refused = filters.iter().map(|f| (f.clone(), error.to_string()));
                    self.memory.refused.extend(refused);
                }
            }
        }
    }

    /// Acknowledges a message: what it says is safe.
    pub fn acknowledge(&mut self, id: u16, qos: Qos) {
        if self.memory.phase == Phase::Up {
            self.out.extend(codec::publish_ack(id, qos));
        }
    }

    /// Publishes. `true`: it is on its way, and a [`Happening::Delivered`] follows; `false`: that was all.
    ///
    /// # Errors
    /// There is no link, too much is under way, or the broker takes no such message.
    pub fn publish(&mut self, message: &Outgoing<'_>) -> Result<bool, NotPublished> {
        let (memory, allowed) = (&self.memory, &self.memory.allowed);
        if memory.phase != Phase::Up {
            return Err(NotPublished::Unavailable(
                "there is no link to the broker".to_owned(),
            ));
        }
        if message.qos > allowed.qos {
            let most = u8::from(allowed.qos);
            return Err(NotPublished::Unfit(format!(
                "the broker takes at most QoS {most}"
            )));
        }
        if message.retain && !allowed.retain {
            return Err(NotPublished::Unfit("the broker retains nothing".to_owned()));
        }
        if message.qos > Qos::Zero && memory.sending.len() >= allowed.under_way {
            let reason = format!("{} messages wait for the broker", memory.sending.len());
            return Err(NotPublished::Unavailable(reason));
        }
        let id = (message.qos > Qos::Zero).then(|| self.fresh_id());
        let version = self.settings.version;
        let Outgoing {
            topic,
            payload,
            qos,
            retain,
            request,
        } = *message;
        let packet = codec::publish(version, id, topic, payload, qos, retain)?;
        if packet.len() > self.memory.allowed.packet {
            let most = self.memory.allowed.packet;
            return Err(NotPublished::Unfit(format!(
                "the broker takes at most {most} bytes"
            )));
        }
        self.out.extend(packet);
        if let Some(id) = id {
            let request = Some(request);
            self.memory.sending.insert(id, Sending { request, qos });
        }
        Ok(id.is_some())
    }

    /// An id that is not in use. Far fewer than 65,535 are at any time.
    fn fresh_id(&mut self) -> u16 {
        let memory = &mut self.memory;
        loop {
            memory.last_id = memory.last_id.checked_add(1).unwrap_or(1);
            let id = memory.last_id;
            if !memory.sending.contains_key(&id) && !memory.asked.contains_key(&id) {
                return id;
            }
        }
    }
}

#[cfg(test)]
mod tests;
