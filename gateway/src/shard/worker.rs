//! A shard's task. Each turn takes what has arrived, puts it in outboxes, and then writes each touched
//! connection once: under load many frames go out in one write.

mod account;
mod farewell;
mod flush;
mod standing;

use super::command::{Closing, Command, Number, Subscription};
use super::figures::{Figures, Turn};
use super::index::Index;
use super::lane::Payload;
use super::member::{Member, Silence, Wish};
use super::schedule::Schedule;
use super::wake::Writable;
use super::{Batch, Lane, Population};
use crate::auth::Auth;
use crate::event::{Event, Timestamp};
use crate::protocol::request::Policy;
use crate::protocol::{CloseCode, frame, push};
use account::{count_close, is_fault};
use bytes::Bytes;
use metrics::Counter;
use rustc_hash::FxHashMap;
use slab::Slab;
use standing::Verdicts;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Most batches of one turn.
const MAX_BATCHES: usize = 64;
/// Most commands of one turn.
const MAX_COMMANDS: usize = 256;
/// A part of the connections.
pub(super) struct Worker {
    members: Slab<Member>,
    slots: FxHashMap<Number, u32>,
    lanes: Vec<LaneState>,
    touched: Vec<u32>,
    staging: VecDeque<Bytes>,
    writable: Arc<Writable>,
    schedule: Schedule,
    population: Arc<Population>,
    figures: Figures,
    turn: Turn,
    /// To how many connections each event of this turn went, in order.
    reached: Vec<u32>,
    /// Which of the shards this is.
    number: usize,
    verdicts: Verdicts,
    auth: Option<Auth>,
    farewell: Option<Arc<(Closing, Closing)>>,
}

/// The subscriptions of one lane, and how far it has come.
#[derive(Default)]
struct LaneState {
    index: Index,
    position: u64,
    /// Events dropped from its clients' outboxes; from its first client on.
    dropped: Option<Counter>,
}

impl Worker {
    pub(super) fn new(number: usize, population: Arc<Population>) -> Self {
        Self {
            members: Slab::new(),
            slots: FxHashMap::default(),
            lanes: vec![LaneState::default()],
            touched: Vec::new(),
            staging: VecDeque::new(),
            writable: Arc::default(),
            schedule: Schedule::new(),
            population,
            figures: Figures::new(),
            turn: Turn::default(),
            reached: Vec::new(),
            number,
            verdicts: Verdicts::default(),
            auth: None,
            farewell: None,
        }
    }

    /// Runs until both queues are closed.
    pub(super) async fn run(
        mut self,
        mut batches: mpsc::Receiver<Batch>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        let writable = self.writable.clone();
        let mut arrived = Vec::new();
        let mut asked = Vec::new();
        loop {
            let tick = self.schedule.next();
            tokio::select! {
                count = batches.recv_many(&mut arrived, MAX_BATCHES), if !batches.is_closed() || !batches.is_empty() => {
                    if count == 0 && commands.is_closed() { break }
                }
                count = commands.recv_many(&mut asked, MAX_COMMANDS) => {
                    if count == 0 { break }
                }
                () = writable.some() => {}
                () = tokio::time::sleep_until(tick) => self.tick(),
            }
            let begun = std::time::Instant::now();
            for command in asked.drain(..) {
                self.handle(command);
            }
            for batch in &arrived {
                self.spread(batch);
            }
            for slot in writable.take() {
                self.touch(slot);
            }
            self.flush_touched();
            self.account(&mut arrived);
            self.figures.add(&self.turn, begun.elapsed().as_secs_f64());
            self.turn = Turn::default();
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Register(registration) => {
                let dialect = registration.dialect.clone();
                self.register(Member::new(*registration), &dialect);
            }
            Command::Control(number, frame) => self.control(number, frame),
            Command::Subscribe(number, subscription) => self.subscribe(number, *subscription),
            Command::Unsubscribe(number, id) => self.unsubscribe(number, id),
            Command::Identify(number, who) => self.identify(number, who.0, who.1),
            Command::Review(auth) => self.review(&auth),
            Command::Close(number, closing) => {
                if let Some(slot) = self.slots.get(&number) {
                    self.close(*slot, closing);
                }
            }
            Command::Gone(number) => self.remove(number),
            Command::Refresh => self.refresh(),
            Command::Abort => self
                .members
                .iter_mut()
                .for_each(|(_, member)| member.abort()),
        }
    }

    fn refresh(&mut self) {
        self.schedule = Schedule::new();
        for (_, member) in &mut self.members {
            member.refresh();
            self.schedule.include(&member.terms);
        }
    }

    fn register(&mut self, member: Member, dialect: &str) {
        self.schedule.include(&member.terms);
        let lane = usize::from(member.lane.0);
        while self.lanes.len() <= lane {
            self.lanes.push(LaneState::default());
        }
        let dropped = &mut self.lanes[lane].dropped;
        dropped.get_or_insert_with(|| super::figures::dropped(dialect));
        let number = member.number;
        let slot = slot(self.members.insert(member));
        self.slots.insert(number, slot);
        if let Some(auth) = self.auth.clone() {
            self.review_one(slot, &auth);
        }
        self.touch(slot);
        self.turn_away(slot);
    }

    fn remove(&mut self, number: Number) {
        let Some(slot) = self.slots.remove(&number) else {
            return;
        };
        let member = self.members.remove(slot as usize);
        let index = &mut self.lanes[usize::from(member.lane.0)].index;
        for (_, key) in &member.subscriptions {
            index.remove(*key);
        }
    }

    fn control(&mut self, number: Number, frame: Bytes) {
        if let Some(&slot) = self.slots.get(&number) {
            self.control_at(slot, frame);
        }
    }

    fn control_at(&mut self, slot: u32, frame: Bytes) {
        let member = &mut self.members[slot as usize];
        if member.control(frame) == Wish::TooSlow {
            self.close_slow(slot);
        }
        self.touch(slot);
    }

    fn subscribe(&mut self, number: Number, subscription: Subscription) {
        let Some(&slot) = self.slots.get(&number) else {
            return;
        };
        let member = &mut self.members[slot as usize];
        let lane = &mut self.lanes[usize::from(member.lane.0)];
        if let Some(at) = member
            .subscriptions
            .iter()
            .position(|(id, _)| *id == subscription.id)
        {
            lane.index.remove(member.subscriptions.swap_remove(at).1);
        }
        let opened = subscription.opening.map(|open| open(lane.position));
        let after = opened.as_ref().map_or(lane.position, |opened| opened.after);
        let retained = opened.map_or_else(Vec::new, |opened| opened.retained);
        let replayed = member.visible(&retained);
        if let Some(answer) = subscription.answer {
            let begun = super::command::Begun {
                seq: after,
                replayed,
            };
            if member.control(answer(begun)) == Wish::TooSlow {
                return self.close_slow(slot);
            }
        }
        member.replay(retained);
        let latest = subscription.policy == Policy::Latest;
        // What comes after the shard's own position needs no check; only a snapshot can be ahead of it.
        let after = if after > lane.position { after } else { 0 };
        let key = lane.index.insert(slot, subscription.filter, latest, after);
        member.subscriptions.push((subscription.id, key));
        member.status.set_subscriptions(member.subscriptions.len());
        self.touch(slot);
    }

    fn unsubscribe(&mut self, number: Number, id: u64) {
        let Some(&slot) = self.slots.get(&number) else {
            return;
        };
        let member = &mut self.members[slot as usize];
        if let Some(at) = member
            .subscriptions
            .iter()
            .position(|(other, _)| *other == id)
        {
            let (_, key) = member.subscriptions.swap_remove(at);
            self.lanes[usize::from(member.lane.0)].index.remove(key);
            member.status.set_subscriptions(member.subscriptions.len());
        }
    }

    fn spread(&mut self, batch: &Batch) {
        match batch {
            Batch::Events(events, report) => {
                let mut reached = 0;
                for event in events.iter() {
                    reached += self.deliver(Lane::NATIVE, event, &Payload::Native(event.clone()));
                    if report.is_some() {
                        reached += self.count_others(event);
                    }
                }
                if let Some(report) = report {
                    report.add(reached);
                }
            }
            Batch::Encoded(lane, events) => {
                for encoded in events.iter() {
                    self.deliver(*lane, &encoded.event, &Payload::Encoded(encoded.clone()));
                }
            }
            Batch::Notice(lane, frame) => {
                let members = self.members.iter().filter(|(_, m)| m.lane == *lane);
                let slots: Vec<_> = members.map(|(key, _)| slot(key)).collect();
                for slot in slots {
                    self.control_at(slot, frame.clone());
                }
            }
            Batch::Farewell(closings) => self.bid_farewell(closings),
        }
    }

    /// Puts an event in the outboxes of those who asked for it; returns how many.
    fn deliver(&mut self, lane: Lane, event: &Event, payload: &Payload) -> u32 {
        let Some(lane) = self.lanes.get_mut(usize::from(lane.0)) else {
            self.reached.push(0);
            return 0;
        };
        lane.position = event.seq;
        let mut reached = 0;
        self.verdicts.begin();
        let mut slow = Vec::new();
        for found in lane.index.matching(event) {
            let member = &mut self.members[found.connection as usize];
            if !self.verdicts.allows(&member.access, event) {
                continue;
            }
            let Some(dropped) = member.deliver(payload, found.latest) else {
                continue;
            };
            reached += 1;
            if dropped > 0 {
                lane.dropped
                    .iter()
                    .for_each(|total| total.increment(dropped));
                slow.extend(member.ends_when_slow().then_some(found.connection));
            }
            if !std::mem::replace(&mut member.touched, true) {
                self.touched.push(found.connection);
            }
            if member.should_flush() {
                let written = &mut self.turn.written;
                member.flush(found.connection, &mut self.staging, &self.writable, written);
            }
        }
        slow.into_iter().for_each(|slot| self.close_slow(slot));
        self.turn.deliveries += u64::from(reached);
        self.reached.push(reached);
        reached
    }

    fn close(&mut self, slot: u32, closing: Closing) {
        let code = closing.code;
        if self.members[slot as usize].close(closing) {
            self.touch(slot);
            self.turn.faults += u64::from(is_fault(code));
            count_close(code);
        }
    }

    fn close_slow(&mut self, slot: u32) {
        self.turn.slow += 1;
        self.close_by_server(slot, CloseCode::SlowConsumer);
    }

    fn close_by_server(&mut self, slot: u32, code: CloseCode) {
        let native = self.members[slot as usize].lane == Lane::NATIVE;
        self.close(slot, Closing::by_server(code, native));
    }

    /// Heartbeats and pings for those whose turn it is, and the ends of all waits.
    fn tick(&mut self) {
        let now = Instant::now();
        let tick = self.schedule.advance(now);
        let now_millis = self.population.millis(now);
        let heartbeat = push::heartbeat(self.population.count());
        let clock = Timestamp::now();
        let slots: Vec<u32> = self.members.iter().map(|(key, _)| slot(key)).collect();
        for slot in slots {
            let member = &mut self.members[slot as usize];
            if member.overdue(now) {
                self.close_slow(slot);
                continue;
            }
            if !member.is_open() {
                continue;
            }
            if let Some(silence) = member.silent(now_millis) {
                self.close_silent(slot, silence);
                continue;
            }
            if self.judge_token(slot, clock) {
                continue;
            }
            let member = &self.members[slot as usize];
            let (number, native) = (member.number.0, member.lane == Lane::NATIVE);
            let beat = native && tick.heartbeat_is_due(&member.terms, number);
            let ping = tick.ping_is_due(&member.terms, number);
            if beat {
                self.control_at(slot, heartbeat.clone());
            }
            if ping {
                self.control_at(slot, frame::ping());
            }
        }
    }

    fn close_silent(&mut self, slot: u32, silence: Silence) {
        let native = self.members[slot as usize].lane == Lane::NATIVE;
        let closing = match silence {
            Silence::Gone => Closing::by_server(CloseCode::Unresponsive, native),
            Silence::Idle(code) => Closing::idle(code, native),
        };
        self.close(slot, closing);
    }
}

fn slot(key: usize) -> u32 {
    u32::try_from(key).expect("fewer connections than 2^32 fit in memory")
}
