//! The outbox of one connection: what waits to be written, and the writing itself.
//!
//! Two lanes: control frames (replies, heartbeats, gaps, farewells), which are never dropped, and events. What was
//! handed to a socket that then would block stays *staged*: it is finished first, whatever comes after it.

use super::Wire;
use super::lane::{Bounds, DataLane, Payload};
use crate::event::Event;
use crate::protocol::push;
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Most frames of one write.
const MAX_SLICES: usize = 64;
/// A write takes no further frame once it has so many bytes.
const MAX_WRITE: usize = 256 * 1024;
/// Most control frames that wait; more means that the client does not read.
pub const MAX_CONTROL_FRAMES: usize = 256;
/// Most bytes of control frames that wait, but for the last one.
pub const MAX_CONTROL_BYTES: usize = 1024 * 1024;

/// What waits for one connection.
#[derive(Default)]
pub struct Outbox {
    staged: VecDeque<Bytes>,
    control: VecDeque<Bytes>,
    control_bytes: usize,
    /// Staged frames that came from the control lane.
    control_staged: bool,
    data: DataLane,
    /// The last words: written when all else is.
    farewell: VecDeque<Bytes>,
    blocked: bool,
}

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Nothing waits.
    Empty,
    /// The socket would block.
    Blocked,
    /// The socket is broken.
    Broken,
}

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Whole frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
    /// Writes that took something; one may take many frames.
    pub writes: u64,
    /// Sockets that broke while nobody was closing them.
    pub broken: u64,
}

impl Outbox {
    /// Adds a control frame. `false`: there are too many; the client does not read.
    #[must_use]
    pub fn control(&mut self, frame: Bytes) -> bool {
        let room =
            self.control.len() < MAX_CONTROL_FRAMES && self.control_bytes < MAX_CONTROL_BYTES;
        if room {
            self.control_bytes += frame.len();
            self.control.push_back(frame);
        }
        room
    }

    /// Adds an event; returns how many were dropped for it.
    pub fn event(&mut self, payload: Payload, latest: bool, bounds: Bounds) -> u64 {
        self.data.push(payload, latest, self.blocked, bounds)
    }

    /// Adds the retained state of a subscription.
    pub fn replay(&mut self, events: Vec<Arc<Event>>) {
        self.data.replay(events);
    }

    /// Takes out the events that its client may not have any more, but for those of the write that the socket has begun
    /// to take; how many.
    pub fn keep(&mut self, may: impl Fn(&Event) -> bool) -> u64 {
        self.data.keep(may)
    }

    /// Adds the last words. `at_once`: without the events that wait.
    pub fn farewell(&mut self, frames: impl IntoIterator<Item = Bytes>, at_once: bool) {
        if at_once {
            self.data.clear();
        }
        self.farewell.extend(frames);
    }

    /// How many events wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.data.len()
    }

    /// Whether the event lane is so full that it should be written before more is added.
    #[must_use]
    pub fn is_half_full(&self, bounds: Bounds) -> bool {
        !self.blocked
            && (self.data.len() * 2 >= bounds.frames || self.data.bytes() * 2 >= bounds.bytes)
    }

    /// Whether a control frame waits.
    #[must_use]
    pub fn control_waits(&self) -> bool {
        self.control_staged || !self.control.is_empty() || !self.farewell.is_empty()
    }

    /// Writes what waits until nothing does or the socket would block. `staging` is the shard's; it is empty before
    /// and after. `native`: the connection understands a `gap`.
    pub fn flush(
        &mut self,
        socket: &Wire,
        staging: &mut VecDeque<Bytes>,
        native: bool,
        written: &mut Written,
    ) -> Flushed {
        staging.extend(self.staged.drain(..));
        let outcome = loop {
            self.stage(staging, native);
            if staging.is_empty() {
                // TLS may hold what is written until the socket takes it.
                break flushed(socket.try_flush());
            }
            match write(socket, staging) {
                Ok(0) => break Flushed::Broken,
                Ok(count) => {
                    written.bytes += count as u64;
                    written.writes += 1;
                    written.frames += advance(staging, count);
                    if staging.is_empty() && socket.try_flush().is_ok() {
                        self.control_staged = false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Flushed::Blocked,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break Flushed::Broken,
            }
        };
        // What is left stays with the connection; an idle one keeps no memory for it.
        self.staged.extend(staging.drain(..));
        if self.staged.is_empty() && self.staged.capacity() > 0 {
            self.staged = VecDeque::new();
        }
        self.blocked = outcome == Flushed::Blocked;
        if self.control.is_empty() && self.control.capacity() > 16 {
            self.control = VecDeque::new();
        }
        outcome
    }

    /// Fills up the next write: control frames first, then a gap, then events, then the last words.
    fn stage(&mut self, staging: &mut VecDeque<Bytes>, native: bool) {
        let mut bytes: usize = staging.iter().map(Bytes::len).sum();
        while staging.len() < MAX_SLICES && bytes < MAX_WRITE {
            let frame = match self.control.pop_front() {
                Some(frame) => {
                    self.control_bytes -= frame.len();
                    self.control_staged = true;
                    Some(frame)
                }
                None => self.next_event(native),
            };
            let Some(frame) = frame.or_else(|| self.next_farewell()) else {
                break;
            };
            bytes += frame.len();
            if !frame.is_empty() {
                staging.push_back(frame);
            }
        }
    }

    fn next_event(&mut self, native: bool) -> Option<Bytes> {
        if let Some(gap) = self.data.take_gap()
            && native
        {
            return Some(push::gap(&gap));
        }
        self.data.pop()
    }

    fn next_farewell(&mut self) -> Option<Bytes> {
        let frame = self.farewell.pop_front();
        self.control_staged |= frame.is_some();
        frame
    }
}

fn flushed(outcome: io::Result<()>) -> Flushed {
    match outcome {
        Ok(()) => Flushed::Empty,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Flushed::Blocked,
        Err(_) => Flushed::Broken,
    }
}

fn write(socket: &Wire, staging: &VecDeque<Bytes>) -> io::Result<usize> {
    if let (1, Some(only)) = (staging.len(), staging.front()) {
        return socket.try_write(only);
    }
    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
    let mut count = 0;
    for (slice, frame) in slices.iter_mut().zip(staging) {
        *slice = IoSlice::new(frame);
        count += 1;
    }
    socket.try_write_vectored(&slices[..count])
}

/// Drops what was written; returns how many frames were finished.
fn advance(staging: &mut VecDeque<Bytes>, mut count: usize) -> u64 {
    let mut finished = 0;
    while let Some(front) = staging.front_mut() {
        if count < front.len() {
            front.advance(count);
            break;
        }
        count -= front.len();
        staging.pop_front();
        finished += 1;
    }
    finished
}
