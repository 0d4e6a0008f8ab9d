//! The connection that tells of devices as they come and go: `host:track-devices-l`, which stays open. It is opened again after
//! 1 s, doubling to 60 s, with jitter, and handed from one instance to the next.

use super::list::{self, Listed};
use super::wire::{self, Reader, Status};
use hearthgate_plugin::{Backoff, ConnectionId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most that waits to become a list, in bytes: a list's length has four digits, and the next may have begun.
const MOST_PENDING: usize = 2 * 65_540;

/// What another instance left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The connection.
    pub connection: ConnectionId,
    /// What had not become a list yet.
    pub pending: Vec<u8>,
}

/// Where the link stands. Times are those of [`crate::clock`].
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// To be opened at this time.
    Down { retry_at: u64 },
    /// Being opened.
    Opening(ConnectionId),
    /// Open; the request is to be answered by then.
    Asking {
        connection: ConnectionId,
        reader: Reader,
        until: u64,
    },
    /// Lists come.
    Tracking {
        connection: ConnectionId,
        reader: Reader,
    },
}

/// The link.
#[derive(Debug)]
pub struct Tracker {
    state: State,
    backoff: Backoff,
    timeout: u64,
}

/// What came of an input.
#[derive(Debug, PartialEq, Eq)]
pub enum Tracked {
    /// Nothing to be told.
    Nothing,
    /// It is open: send this.
    Ask(Vec<u8>),
    /// Every device there is now, newest last, and how many lines were none.
    Lists(Vec<(Vec<Listed>, usize)>),
    /// It is lost.
    Lost(String),
}

impl Tracker {
    /// A link that is to be opened at once.
    #[must_use]
    pub fn new(timeout: Duration, now: u64) -> Self {
        Self {
            state: State::Down { retry_at: now },
            backoff: Backoff::default(),
            timeout: millis(timeout),
        }
    }

    /// A link that another instance had open.
    #[must_use]
    pub fn resumed(timeout: Duration, kept: Kept) -> Self {
        let reader = Reader::resume(kept.pending);
        let state = State::Tracking {
            connection: kept.connection,
            reader,
        };
        Self {
            state,
            backoff: Backoff::default(),
            timeout: millis(timeout),
        }
    }

    /// What the next instance needs to go on.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        match &self.state {
            State::Tracking { connection, reader } => Some(Kept {
                connection: *connection,
                pending: reader.pending().to_vec(),
            }),
            _ => None,
        }
    }

    /// Whether lists come.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, State::Tracking { .. })
    }

    /// Whether this connection is the link's.
    #[must_use]
    pub fn owns(&self, id: ConnectionId) -> bool {
        self.connection() == Some(id)
    }

    /// The connection, while there is one.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        match &self.state {
            State::Down { .. } => None,
            State::Opening(connection)
            | State::Asking { connection, .. }
            | State::Tracking { connection, .. } => Some(*connection),
        }
    }

    /// When something is to be done, if nothing comes.
    #[must_use]
    pub fn due(&self) -> Option<u64> {
        match &self.state {
            State::Down { retry_at } => Some(*retry_at),
            State::Asking { until, .. } => Some(*until),
            State::Opening(_) | State::Tracking { .. } => None,
        }
    }

    /// Whether it is time to open it.
    #[must_use]
    pub fn wants_to_open(&self, now: u64) -> bool {
        matches!(self.state, State::Down { retry_at } if retry_at <= now)
    }

    /// It is being opened.
    pub fn opening(&mut self, connection: ConnectionId) {
        self.state = State::Opening(connection);
    }

    /// The connection is open.
    pub fn opened(&mut self, now: u64) -> Tracked {
        let State::Opening(connection) = self.state else {
            return Tracked::Nothing;
        };
        self.state = State::Asking {
            connection,
            reader: Reader::default(),
            until: now + self.timeout,
        };
        Tracked::Ask(wire::request("host:track-devices-l"))
    }

    /// Something arrived. After `Lost` the connection, if it is still open, is to be closed.
    pub fn data(&mut self, data: &[u8], now: u64) -> Tracked {
        if let State::Asking {
            connection, reader, ..
        } = &mut self.state
        {
            reader.push(data);
            match reader.status() {
                Ok(None) => return Tracked::Nothing,
                Ok(Some(Status::Okay)) => {
                    let (connection, reader) = (*connection, std::mem::take(reader));
                    self.state = State::Tracking { connection, reader };
                    self.backoff.worked();
                    return self.lists(&[], now);
                }
                Ok(Some(Status::Fail(reason))) => return self.lost(reason, now),
                Err(error) => return self.lost(error.to_string(), now),
            }
        }
        self.lists(data, now)
    }

    fn lists(&mut self, data: &[u8], now: u64) -> Tracked {
        let State::Tracking { reader, .. } = &mut self.state else {
            return Tracked::Nothing;
        };
        reader.push(data);
        let mut lists = Vec::new();
        loop {
            match reader.block() {
                Ok(Some(text)) => lists.push(list::parse(&text)),
                Ok(None) if reader.pending().len() > MOST_PENDING => {
                    return self.lost("the adb server's list is too long".to_owned(), now);
                }
                Ok(None) if lists.is_empty() => return Tracked::Nothing,
                Ok(None) => return Tracked::Lists(lists),
                Err(error) => return self.lost(error.to_string(), now),
            }
        }
    }

    /// It is lost, or could not be opened: tried again later.
    pub fn lost(&mut self, reason: String, now: u64) -> Tracked {
        let wait = self.backoff.failed(crate::clock::random());
        self.state = State::Down {
            retry_at: now + millis(wait),
        };
        Tracked::Lost(reason)
    }

    /// Whether a server took the connection and does not answer.
    #[must_use]
    pub fn is_silent(&self, now: u64) -> bool {
        matches!(self.state, State::Asking { until, .. } if until <= now)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn serials(tracked: Tracked) -> Vec<Vec<String>> {
        let Tracked::Lists(lists) = tracked else {
            panic!("{tracked:?}")
        };
        lists
            .into_iter()
            .map(|(list, _)| list.into_iter().map(|d| d.serial).collect())
            .collect()
    }

    fn tracking() -> Tracker {
        let mut tracker = Tracker::new(Duration::from_secs(5), 1000);
        assert!(tracker.wants_to_open(1000));
        tracker.opening(7);
        assert_eq!(
            tracker.opened(1000),
            Tracked::Ask(b"0014host:track-devices-l".to_vec())
        );
        assert_eq!(tracker.data(b"OKAY", 1000), Tracked::Nothing);
        assert!(tracker.is_up() && tracker.owns(7));
        tracker
    }

    #[test]
    fn lists_come_whole_in_whatever_pieces() {
        let mut tracker = tracking();
        assert_eq!(serials(tracker.data(b"0000", 1)), [Vec::<String>::new()]);
        assert_eq!(tracker.data(b"0009A de", 1), Tracked::Nothing);
        assert_eq!(
            serials(tracker.data(b"vice\n0000", 1)),
            [vec!["A".to_owned()], vec![]]
        );
    }

    #[test]
    fn half_a_list_is_handed_on() {
        let mut tracker = tracking();
        tracker.data(b"0009A de", 1);
        let kept: Kept =
            serde_json::from_str(&serde_json::to_string(&tracker.kept()).unwrap()).unwrap();
        let mut next = Tracker::resumed(Duration::from_secs(5), kept);
        assert!(next.owns(7) && next.is_up());
        assert_eq!(serials(next.data(b"vice\n", 1)), [["A".to_owned()]]);
    }

    #[test]
    fn it_comes_back_with_growing_waits() {
        let mut tracker = tracking();
        let mut now = 10_000;
        let mut least = 500;
        for _ in 0..8 {
            assert_eq!(
                tracker.lost("gone".to_owned(), now),
                Tracked::Lost("gone".to_owned())
            );
            let wait = tracker.due().unwrap() - now;
            assert!((least..=least * 2).contains(&wait), "{wait}");
            assert!(!tracker.wants_to_open(now + wait - 1) && tracker.wants_to_open(now + wait));
            now += wait;
            tracker.opening(8);
            least = (least * 2).min(30_000);
        }
    }

    #[test]
    fn a_server_that_is_none_is_left() {
        for (data, reason) in [
            (
                &b"HTTP/1.1"[..],
                "the adb server said \"HTTP\", not OKAY or FAIL",
            ),
            (b"FAIL0014unknown host service", "unknown host service"),
            (b"OKAYxxxx", "the adb server gave \"xxxx\" for a length"),
        ] {
            let mut tracker = Tracker::new(Duration::from_secs(5), 0);
            tracker.opening(1);
            tracker.opened(0);
            assert_eq!(tracker.data(data, 0), Tracked::Lost(reason.to_owned()));
            assert!(!tracker.owns(1));
        }
        let mut silent = Tracker::new(Duration::from_secs(5), 0);
        silent.opening(1);
        silent.opened(0);
        assert_eq!(
            (silent.due(), silent.is_silent(4999), silent.is_silent(5000)),
            (Some(5000), false, true)
        );
    }
}
