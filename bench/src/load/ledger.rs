//! Who received what: every event of every client is accounted for.

use crate::client::find;
use crate::histogram::Histogram;
use crate::publisher::{CLOCK_OFFSET_US, FIRST};

/// What stands before an event's number.
const KEY: &[u8] = b"\"n\":";
/// Bytes that no single message has.
const LONGEST: usize = 256;

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

/// Who received what.
pub struct Ledger {
    /// The newest event of each client.
    newest: Vec<u64>,
    /// How many clients received each event of the stretch.
    receivers: Vec<u64>,
    /// The first event of the stretch.
    pub first: u64,
    /// How many events, from the first on, all clients have.
    pub complete: u64,
    /// Where the number stood in the last payload: it hardly moves.
    hint: usize,
    origin_ns: u64,
    /// When the last event came.
    pub last_ns: u64,
    stretch: Stretch,
}

impl Ledger {
    /// Nothing seen yet.
    pub fn new(clients: usize, origin_ns: u64) -> Self {
        Self {
            newest: vec![0; clients],
            receivers: Vec::new(),
            first: FIRST,
            complete: 0,
            hint: 0,
            origin_ns,
            last_ns: 0,
            stretch: Stretch::default(),
        }
    }

    /// A stretch begins with this event.
    pub fn begin(&mut self, first: u64) {
        self.receivers.clear();
        self.first = first;
        self.complete = 0;
        self.stretch = Stretch::default();
    }

    /// One more event is on its way.
    pub fn expect(&mut self) {
        self.receivers.push(0);
    }

    /// The stretch is over: what clients received.
    pub fn end(&mut self) -> Stretch {
        std::mem::take(&mut self.stretch)
    }

    /// Takes note of a frame. One that is longer than any message is NATS's, and holds several.
    pub fn record(&mut self, client: usize, payload: &[u8], now: u64) {
        if payload.len() <= LONGEST {
            return self.record_one(client, payload, now);
        }
        let mut rest = payload;
        while !rest.is_empty() {
            let start = find(rest, KEY).map_or(rest.len(), |at| at + KEY.len());
            let end = find(&rest[start..], KEY).map_or(rest.len(), |at| start + at);
            self.record_one(client, &rest[..end], now);
            rest = &rest[end..];
        }
    }

    fn record_one(&mut self, client: usize, payload: &[u8], now: u64) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(n: u64, micros: u64) -> Vec<u8> {
        let t = CLOCK_OFFSET_US + micros;
        format!("{{\"type\":\"b.t\",\"data\":{{\"n\":{n},\"t\":{t}}},\"seq\":7}}").into_bytes()
    }

    fn ledger(clients: usize, events: usize) -> Ledger {
        let mut ledger = Ledger::new(clients, 0);
        ledger.begin(FIRST);
        (0..events).for_each(|_| ledger.expect());
        ledger
    }

    #[test]
    fn an_event_is_complete_when_all_have_it() {
        let mut ledger = ledger(2, 2);
        ledger.record(0, &payload(FIRST, 100), 350_000);
        ledger.record(0, &payload(FIRST + 1, 100), 350_000);
        assert_eq!(ledger.complete, 0);
        ledger.record(1, &payload(FIRST, 100), 350_000);
        assert_eq!(ledger.complete, 1);
        let stretch = ledger.end();
        assert_eq!((stretch.delivered, stretch.doubled), (3, 0));
        assert_eq!(stretch.latency_us.largest(), 250);
    }

    #[test]
    fn doubles_and_disorder_are_counted_and_not_as_deliveries() {
        let mut ledger = ledger(1, 3);
        for n in [FIRST, FIRST, FIRST + 2, FIRST + 1] {
            ledger.record(0, &payload(n, 0), 1000);
        }
        let stretch = ledger.end();
        assert_eq!((stretch.delivered, stretch.doubled), (2, 2));
    }

    #[test]
    fn other_messages_are_no_events_and_gaps_are_counted() {
        let mut ledger = ledger(1, 1);
        ledger.record(0, br#"{"type":"heartbeat","data":{"clients":1}}"#, 1000);
        ledger.record(0, br#"{"type":"gap","data":{"dropped":3}}"#, 1000);
        ledger.record(0, &payload(FIRST, 0), 1000);
        let stretch = ledger.end();
        assert_eq!((stretch.delivered, stretch.gaps), (1, 1));
    }

    #[test]
    fn several_messages_in_one_frame_are_all_found() {
        let mut ledger = ledger(1, 9);
        let frame: Vec<u8> = (0..9).flat_map(|n| payload(FIRST + n, 0)).collect();
        ledger.record(0, &frame, 1000);
        let stretch = ledger.end();
        assert_eq!((stretch.delivered, stretch.doubled), (9, 0));
        assert_eq!(stretch.payload_bytes, frame.len() as u64);
    }
}
