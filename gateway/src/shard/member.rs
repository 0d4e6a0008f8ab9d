//! One connection, as its shard holds it.

use super::command::{Closing, LiveTerms, Number, Registration};
use super::index::Key;
use super::lane::{Bounds, Payload};
use super::outbox::{Flushed, Outbox, Written};
use super::schedule::millis;
use super::wake::Writable;
use super::{Lane, Status, Wire};
use crate::auth::{Access, Identity, Verified};
use crate::config::{SlowClient, Terms};
use crate::event::{Event, Timestamp};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;
use tokio::time::Instant;

/// How long a client that has got everything may take to end the connection from its side.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a connection whose last words can't be written lives on.
const MAX_GRACE: Duration = Duration::from_secs(5);

/// A connection.
pub(super) struct Member {
    pub(super) number: Number,
    pub(super) lane: Lane,
    pub(super) status: Arc<Status>,
    pub(super) subscriptions: Vec<(u64, Key)>,
    /// What it may.
    pub(super) access: Arc<Access>,
    /// Who it is; apart, because most have no token.
    verified: Option<Box<Verified>>,
    /// Whether it was told that its token runs out.
    warned: bool,
    /// What holds for it, as last looked at.
    pub(super) terms: Arc<Terms>,
    /// Whether it is in the shard's list of those to be written.
    pub(super) touched: bool,
    live_terms: LiveTerms,
    client_id: Arc<str>,
    socket: Arc<Wire>,
    outbox: Outbox,
    /// The last event that was put in the outbox: an event is delivered once, however many subscriptions match it.
    last_seq: u64,
    /// Since when a control frame waits that could not be written.
    control_since: Option<Instant>,
    phase: Phase,
}

/// How far its end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// The last words wait; it is cut off at that time.
    Closing(Instant),
    /// The last words are written and our side is shut; the client's end is waited for until that time.
    Closed {
        /// From then on it is waited for only while the client's machine has not everything yet.
        patient: Instant,
        until: Instant,
    },
    /// Cut off.
    Broken,
}

/// Why a client that was silent is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// It is taken for gone.
    Gone,
    /// Its dialect ends connections that are not used, with this code.
    Idle(u16),
}

/// How a member's token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It has none, or a good one.
    Good,
    /// It runs out at that time, and the client was not told yet.
    Expiring(Timestamp),
    /// It has run out.
    Expired,
}

/// What a member asks of its shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nothing.
    None,
    /// The control lane is full: close it as a slow consumer.
    TooSlow,
}

impl Member {
    pub(super) fn new(registration: Registration) -> Self {
        let mut outbox = Outbox::default();
        registration
            .status
            .set_identity(registration.caller.identity().cloned());
        if let Some(greeting) = registration.greeting {
            let _empty = outbox.control(greeting);
        }
        Self {
            number: registration.number,
            lane: registration.lane,
            status: registration.status,
            subscriptions: Vec::new(),
            access: registration.access,
            verified: registration.caller.verified().cloned().map(Box::new),
            warned: false,
            terms: registration.terms.load_full(),
            live_terms: registration.terms,
            touched: false,
            client_id: registration.client_id,
            socket: registration.socket,
            outbox,
            last_seq: 0,
            control_since: None,
            phase: Phase::Open,
        }
    }

    /// Puts an event in the outbox, unless it is there already or not for this client. `None`: it was not put there;
    /// else how many others were dropped for it.
    pub(super) fn deliver(&mut self, payload: &Payload, latest: bool) -> Option<u64> {
        let event = payload.event();
        if self.last_seq == event.seq || self.phase != Phase::Open || !self.is_meant(event) {
            return None;
        }
        self.last_seq = event.seq;
        let dropped = self.outbox.event(payload.clone(), latest, self.bounds());
        if dropped > 0 {
            self.status.add_dropped(dropped);
        }
        Some(dropped)
    }

    /// Whether a client that missed an event is closed for it.
    pub(super) fn ends_when_slow(&self) -> bool {
        self.terms.slow_client == SlowClient::Close
    }

    /// Whether an event would be put in the outbox, if a subscription matches it.
    pub(super) fn takes(&self, event: &Event) -> bool {
        self.phase == Phase::Open && self.may_get(event)
    }

    /// Puts a control frame in the outbox.
    pub(super) fn control(&mut self, frame: Bytes) -> Wish {
        if self.phase == Phase::Open && !self.outbox.control(frame) {
            return Wish::TooSlow;
        }
        Wish::None
    }

    /// How many of these events the client may see.
    pub(super) fn visible(&self, events: &[Arc<Event>]) -> usize {
        events.iter().filter(|event| self.may_get(event)).count()
    }

    /// Who it is, with its token's terms.
    pub(super) fn verified(&self) -> Option<&Verified> {
        self.verified.as_deref()
    }

    /// Who it is.
    pub(super) fn identity(&self) -> Option<&Identity> {
        self.verified().map(|verified| &*verified.identity)
    }

    /// It is somebody from now on, perhaps somebody else.
    pub(super) fn identify(&mut self, verified: Verified, access: Arc<Access>) {
        self.status.set_identity(Some(verified.identity.clone()));
        self.verified = Some(Box::new(verified));
        self.access = access;
        self.warned = false;
    }

    /// Takes out of the outbox what it may not get any more, by its access as it is now.
    pub(super) fn purge(&mut self) {
        let mut outbox = std::mem::take(&mut self.outbox);
        let gone = outbox.keep(|event| self.may_get(event));
        self.outbox = outbox;
        if gone > 0 {
            self.status.add_dropped(gone);
            self.status.set_queued(self.outbox.queued());
            let reason = "rights";
            metrics::counter!("hearthgate_deliveries_dropped_total", "reason" => reason)
                .increment(gone);
        }
    }

    /// How its token stands. That it runs out is told once.
    pub(super) fn standing(&mut self, now: Timestamp) -> Standing {
        let Some(verified) = &self.verified else {
            return Standing::Good;
        };
        if verified.honoured_until.is_some_and(|end| end <= now) {
            return Standing::Expired;
        }
        match (verified.warn_at, verified.expires_at) {
            (Some(warn_at), Some(end)) if warn_at <= now && !self.warned => {
                self.warned = true;
                Standing::Expiring(end)
            }
            _ => Standing::Good,
        }
    }

    /// Puts retained state in the outbox.
    pub(super) fn replay(&mut self, mut events: Vec<Arc<Event>>) {
        events.retain(|event| self.may_get(event));
        self.outbox.replay(events);
    }

    /// Begins to close. Whether it was open.
    pub(super) fn close(&mut self, closing: Closing) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        self.status.set_closing();
        let grace = self.terms.write_timeout.min(MAX_GRACE);
        self.outbox.farewell(closing.frames, closing.at_once);
        self.phase = Phase::Closing(Instant::now() + grace);
        true
    }

    /// Cuts the connection off: what was not written is lost, and the peer gets a reset. The reader sees the end.
    pub(super) fn abort(&mut self) {
        if self.phase != Phase::Broken {
            self.phase = Phase::Broken;
            self.status.set_closing();
            let socket = socket2::SockRef::from(self.socket.tcp());
            let _gone = socket.set_linger(Some(Duration::ZERO));
            let _gone = socket.shutdown(Shutdown::Both);
        }
    }

    /// Ends a connection whose client has got everything but does not end it: without a reset, which could throw away
    /// what the client has not read yet.
    fn leave(&mut self) {
        self.phase = Phase::Broken;
        let _gone = socket2::SockRef::from(self.socket.tcp()).shutdown(Shutdown::Both);
    }

    /// Whether the client's machine has acknowledged all that was written.
    fn has_arrived(&self) -> bool {
        let mut waiting: libc::c_int = 0;
        let socket = self.socket.tcp().as_raw_fd();
        // SAFETY: TIOCOUTQ writes one `int`, which lives on this stack; the socket is open, because it is borrowed.
        let told = unsafe { libc::ioctl(socket, libc::TIOCOUTQ, &raw mut waiting) };
        told == 0 && waiting == 0
    }

    /// Whether the outbox should be written before more is added.
    pub(super) fn should_flush(&self) -> bool {
        self.outbox.is_half_full(self.bounds())
    }

    fn bounds(&self) -> Bounds {
        Bounds {
            frames: self.terms.outbox_frames.max(1),
            bytes: self.terms.outbox_bytes,
        }
    }

    /// Looks at its terms anew.
    pub(super) fn refresh(&mut self) {
        self.terms = self.live_terms.load_full();
    }

    /// The code to close with, if nothing was heard for too long.
    pub(super) fn silent(&self, now_millis: u64) -> Option<Silence> {
        let silence = now_millis.saturating_sub(self.status.last_read());
        let over = |limit: Option<Duration>| limit.is_some_and(|limit| silence > millis(limit));
        if over(self.terms.pong_timeout) {
            return Some(Silence::Gone);
        }
        over(self.terms.idle_timeout).then_some(Silence::Idle(self.terms.idle_close))
    }

    /// Writes what waits, as far as the socket takes it.
    pub(super) fn flush(
        &mut self,
        slot: u32,
        staging: &mut VecDeque<Bytes>,
        writable: &Arc<Writable>,
        written: &mut Written,
    ) {
        if matches!(self.phase, Phase::Broken | Phase::Closed { .. }) {
            return;
        }
        let native = self.lane == Lane::NATIVE;
        let before = *written;
        loop {
            match self.outbox.flush(&self.socket, staging, native, written) {
                Flushed::Empty => self.written_out(),
                Flushed::Broken => {
                    written.broken += u64::from(self.phase == Phase::Open);
                    self.abort();
                }
                Flushed::Blocked => {
                    let waker = writable.waker(slot);
                    let mut context = Context::from_waker(&waker);
                    if self.socket.poll_write_ready(&mut context).is_ready() {
                        continue;
                    }
                    if self.outbox.control_waits() && self.control_since.is_none() {
                        self.control_since = Some(Instant::now());
                    }
                }
            }
            break;
        }
        if written.bytes > before.bytes {
            let frames = written.frames - before.frames;
            self.status.add_sent(frames, written.bytes - before.bytes);
            if self.control_since.is_some() {
                let waits = self.outbox.control_waits();
                self.control_since = waits.then(Instant::now);
            }
        }
        self.status.set_queued(self.outbox.queued());
    }

    /// What is due at a tick: the end of a wait. Whether the client must be closed for it.
    pub(super) fn overdue(&mut self, now: Instant) -> bool {
        let write_timeout = self.terms.write_timeout;
        match self.phase {
            Phase::Open => self
                .control_since
                .is_some_and(|since| now.duration_since(since) >= write_timeout),
            Phase::Closing(until) | Phase::Closed { until, .. } if now >= until => {
                self.abort();
                false
            }
            Phase::Closed { patient, .. } if now >= patient && self.has_arrived() => {
                self.leave();
                false
            }
            Phase::Closing(_) | Phase::Closed { .. } => false,
            Phase::Broken => false,
        }
    }

    /// Whether it is open.
    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    fn written_out(&mut self) {
        self.control_since = None;
        if let Phase::Closing(until) = self.phase {
            self.socket.finish();
            let patient = Instant::now() + PATIENCE;
            self.phase = Phase::Closed { patient, until };
        }
    }

    /// Whether it may read the event and is meant by it.
    fn may_get(&self, event: &Event) -> bool {
        self.is_meant(event) && self.access.may_read(event)
    }

    fn is_meant(&self, event: &Event) -> bool {
        let audience = &event.draft.audience;
        audience.is_empty()
            || audience
                .iter()
                .any(|one| one.includes(&self.client_id, self.identity()))
    }
}
