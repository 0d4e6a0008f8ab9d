//! One measured stretch: publish at a pace, read all that the clients get, account for every event.

mod ledger;

pub use ledger::{Stretch, digits};

use crate::child::Server;
use crate::client::Client;
use crate::os;
use crate::poll::Poll;
use crate::publisher::{FIRST, Publish};
use crate::swarm::Swarm;
use anyhow::{Result, bail};
use ledger::Ledger;
use std::fmt;
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

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(rate) => write!(f, "{rate}/s"),
            Self::Window(_) => f.write_str("as fast as possible"),
        }
    }
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

impl Load {
    /// Takes over clients and the publisher.
    ///
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new(clients: Vec<Client>, publisher: Box<dyn Publish>) -> Result<Self> {
        let poll = Poll::new()?;
        let swarm = Swarm::new(clients, &poll)?;
        poll.add(publisher.stream(), PUBLISHER)?;
        let origin_ns = os::monotonic_ns();
        let ledger = Ledger::new(swarm.len(), origin_ns);
        Ok(Self {
            poll,
            swarm,
            publisher,
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
        let mut stretch = self.ledger.end();
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
            self.ledger.expect();
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
