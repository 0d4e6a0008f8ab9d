//! One measured stretch: publish at a pace, read all that the clients get, account for every event.

use crate::child::Server;
use crate::client::Client;
use crate::client::find;
use crate::histogram::Histogram;
use crate::os;
use crate::poll::Poll;
use crate::publisher::{CLOCK_OFFSET_US, FIRST, Publish};
use crate::swarm::Swarm;
use anyhow::{Result, bail};
use std::time::Duration;

/// The publisher's token in the poll.
const PUBLISHER: u64 = u64::MAX - 1;
/// How long the last events may take to arrive before they count as lost.
const LINGER_NS: u64 = 3_000_000_000;
/// How often a stretch looks whether it is to end.
const ASK_NS: u64 = 10_000_000;

/// How fast is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// So many events a second, at even distances, whatever the server does.
    PerSecond(u64),
    /// As fast as possible: always so many events on their way to the slowest client.
    Window(u64),
}

/// What a stretch showed.
#[derive(Debug, Clone, Default)]
pub struct Stretch {
    /// Events published.
    pub published: u64,
    /// Events that clients received, all clients together.
    pub delivered: u64,
    /// Events that a client never received.
    pub lost: u64,
    /// Events that a client received twice or out of order.
    pub doubled: u64,
    /// `gap` notices.
    pub gaps: u64,
    /// Bytes of all delivered payloads.
    pub payload_bytes: u64,
    /// From the first publication to the last delivery.
    pub elapsed_ns: u64,
    /// Processor time of the server.
    pub server_cpu_ns: u64,
    /// Processor time of this load generator.
    pub load_cpu_ns: u64,
    /// From the publication's `write()` to the client's `read()`, in microseconds.
    pub latency_us: Histogram,
}

/// Clients and a publisher of one server, ready for stretches.
pub struct Load {
    poll: Poll,
    swarm: Swarm,
    publisher: Box<dyn Publish>,
    origin_ns: u64,
    next: u64,
    ledger: Ledger,
}

/// Who received what.
struct Ledger {
    /// The newest event of each client.
    newest: Vec<u64>,
    /// How many clients received each event of the stretch.
    receivers: Vec<u64>,
    first: u64,
    /// How many events, from the first on, all clients have.
    complete: u64,
    /// Where the number stood in the last payload: it hardly moves.
    hint: usize,
    origin_ns: u64,
    /// When the last event came.
    last_ns: u64,
    stretch: Stretch,
}

impl Load {
    /// Takes over clients and the publisher.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new(clients: Vec<Client>, publisher: impl Publish + 'static) -> Result<Self> {
        let poll = Poll::new()?;
        let swarm = Swarm::new(clients, &poll)?;
        poll.add(publisher.stream(), PUBLISHER)?;
        let origin_ns = os::monotonic_ns();
        let ledger = Ledger {
            newest: vec![0; swarm.len()],
            receivers: Vec::new(),
            first: FIRST,
            complete: 0,
            hint: 0,
            origin_ns,
            last_ns: 0,
            stretch: Stretch::default(),
        };
        Ok(Self {
            poll,
            swarm,
            publisher: Box::new(publisher),
            origin_ns,
            next: FIRST,
            ledger,
        })
    }

    /// Publishes for so long, waits until all has arrived (or is taken for lost), and tells.
    ///
    /// # Errors
    /// When the server closes a connection or refuses a publication.
    pub fn stretch(&mut self, server: &Server, pace: Pace, lasts: Duration) -> Result<Stretch> {
        let end = os::monotonic_ns() + u64::try_from(lasts.as_nanos())?;
        self.stretch_while(server, pace, |now| now < end)
    }

    /// The same, for as long as `on` says at least every 10 ms.
    ///
    /// # Errors
    /// As [`Load::stretch`].
    pub fn stretch_while(
        &mut self,
        server: &Server,
        pace: Pace,
        on: impl Fn(u64) -> bool,
    ) -> Result<Stretch> {
        self.ledger.begin(self.next);
        let cpu = (server.cpu_ns()?, os::process_cpu_ns(std::process::id())?);
        let start = os::monotonic_ns();
        loop {
            let now = os::monotonic_ns();
            if !on(now) {
                break;
            }
            let wake = self.publish_due(pace, start, now)?;
            self.poll.wake_at(wake.min(now + ASK_NS))?;
            self.turn()?;
        }
        self.drain()?;
        let mut stretch = std::mem::take(&mut self.ledger.stretch);
        stretch.published = self.next - self.ledger.first;
        stretch.elapsed_ns = self.ledger.last_ns.max(start) - start;
        stretch.server_cpu_ns = server.cpu_ns()? - cpu.0;
        stretch.load_cpu_ns = os::process_cpu_ns(std::process::id())? - cpu.1;
        stretch.lost = stretch.published * self.swarm.len() as u64 - stretch.delivered;
        Ok(stretch)
    }

    /// Publishes what is due; returns when the next is.
    fn publish_due(&mut self, pace: Pace, start: u64, now: u64) -> Result<u64> {
        let sent = self.next - self.ledger.first;
        let (due, wake) = match pace {
            Pace::PerSecond(rate) => {
                let due = (now - start) * rate / 1_000_000_000 + 1;
                (due - sent.min(due), start + due * 1_000_000_000 / rate)
            }
            Pace::Window(window) => {
                let done = match self.swarm.len() {
                    0 => self.publisher.accepted() - (self.ledger.first - FIRST),
                    _ => self.ledger.complete,
                };
                (window.saturating_sub(sent - done), u64::MAX)
            }
        };
        for _ in 0..due {
            let micros = (os::monotonic_ns() - self.origin_ns) / 1000;
            self.ledger.receivers.push(0);
            self.publisher.publish(self.next, micros)?;
            self.next += 1;
        }
        Ok(wake)
    }

    /// Waits once, reads once whatever is ready.
    fn turn(&mut self) -> Result<()> {
        let ledger = &mut self.ledger;
        let ready = self.swarm.turn(&mut self.poll, |client, payload, now| {
            ledger.record(client, payload, now);
        })?;
        if ready.foreign == Some(PUBLISHER) {
            self.publisher.read_answers()?;
        }
        self.publisher.flush()
    }

    /// Reads until every event is accounted for and accepted, or the patience is over.
    fn drain(&mut self) -> Result<()> {
        let sent = self.next - self.ledger.first;
        let deadline = os::monotonic_ns() + LINGER_NS;
        loop {
            let now = os::monotonic_ns();
            let accepted = self.publisher.accepted() == self.next - FIRST;
            let arrived = self.swarm.len() == 0 || self.ledger.complete == sent;
            if accepted && arrived {
                return Ok(());
            }
            if now >= deadline {
                if !accepted {
                    bail!("the server did not answer all publications");
                }
                return Ok(());
            }
            self.poll.wake_at(deadline)?;
            self.turn()?;
        }
    }
}

impl Ledger {
    fn begin(&mut self, first: u64) {
        self.receivers.clear();
        self.first = first;
        self.complete = 0;
        self.stretch = Stretch::default();
    }

    fn record(&mut self, client: usize, payload: &[u8], now: u64) {
        let Some(at) = self.number_at(payload) else {
            if find(payload, b"\"type\":\"gap\"").is_some() {
                self.stretch.gaps += 1;
            }
            return;
        };
        let (n, rest) = digits(&payload[at..]);
        // What stands after the number is `,"t":` and the time stamp.
        let (micros, _) = digits(rest.get(5..).unwrap_or_default());
        if n <= self.newest[client] {
            self.stretch.doubled += 1;
            return;
        }
        self.newest[client] = n;
        let index = usize::try_from(n.wrapping_sub(self.first)).unwrap_or(usize::MAX);
        let Some(receivers) = self.receivers.get_mut(index) else {
            // An event of the stretch before that came after its patience: counted there as lost.
            return;
        };
        *receivers += 1;
        self.last_ns = now;
        self.stretch.delivered += 1;
        self.stretch.payload_bytes += payload.len() as u64;
        let sent = micros.saturating_sub(CLOCK_OFFSET_US);
        let received = (now - self.origin_ns) / 1000;
        self.stretch
            .latency_us
            .record(received.saturating_sub(sent));
        self.advance();
    }

    fn advance(&mut self) {
        let all = self.newest.len() as u64;
        while usize::try_from(self.complete)
            .ok()
            .and_then(|index| self.receivers.get(index))
            .is_some_and(|count| *count == all)
        {
            self.complete += 1;
        }
    }

    fn number_at(&mut self, payload: &[u8]) -> Option<usize> {
        const KEY: &[u8] = b"\"n\":";
        if payload.get(self.hint..self.hint + KEY.len()) != Some(KEY) {
            self.hint = find(payload, KEY)?;
        }
        Some(self.hint + KEY.len())
    }
}

/// The number at the beginning of a text, and what follows it.
pub fn digits(text: &[u8]) -> (u64, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = text[..count]
        .iter()
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    (number, &text[count..])
}
