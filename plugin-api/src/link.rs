//! A WebSocket that stays up: the state machine for sockets that reconnect.

use crate::backoff::Backoff;
use crate::log::Level;
use crate::net::{WebSocket, WebSocketTarget, WsMessage};
use crate::{Input, Start, TimerId, log_with, timers};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How long a link must have been up for its next loss to count as the first.
const SETTLED: Duration = Duration::from_secs(60);

/// Begins the tag of every link's timer, so that it is not taken for one of the plugin's own.
const TAG_PREFIX: &str = "hearthgate.link:";

/// Whether the timer of that tag is a link's.
pub(crate) fn is_of_link(tag: &str) -> bool {
    tag.starts_with(TAG_PREFIX)
}

/// A WebSocket that is opened, and opened again whenever it is lost: after 1 s, doubling to 60 s, with jitter.
/// It never gives up; where giving up is right (a credential was refused), return a
/// [`Failure`](crate::Failure) instead of waiting.
///
/// ```no_run
/// use hearthgate_plugin::{Failure, Input, Link, LinkEvent, net::WebSocketTarget};
/// # struct Bridge { link: Link }
/// # impl Bridge {
/// fn on_input(&mut self, input: Input) -> Result<(), Failure> {
///     match self.link.on_input(&input) {
///         // New: what was missed while it was down must be read again.
///         Some(LinkEvent::Up(socket)) => socket.send_text("hello")?,
///         Some(LinkEvent::Messages(_socket, messages)) => println!("{messages:?}"),
///         Some(LinkEvent::Down { reason, retry_in }) => log::warn!("{reason}; again in {retry_in:?}"),
///         None => {} // not about this link
///     }
///     Ok(())
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Link {
    target: WebSocketTarget,
    tag: String,
    state: LinkState,
    backoff: Backoff,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LinkState {
    Opening(WebSocket),
    Up {
        socket: WebSocket,
        since: Instant,
    },
    Waiting(TimerId),
    /// Not even a timer could be set: the next input that it is shown tries again.
    Stuck,
}

/// What happened to a link.
#[derive(Debug, PartialEq)]
pub enum LinkEvent<'a> {
    /// It is up, and it is another socket than before: log in, subscribe, and read anew what may have been missed.
    Up(WebSocket),
    /// Messages arrived.
    Messages(WebSocket, &'a [WsMessage]),
    /// It is down, and will be tried again by itself.
    Down {
        /// Why.
        reason: String,
        /// When.
        retry_in: Duration,
    },
}

impl Link {
    /// A link to `target`. Takes over the socket of the instance before this one if it leads there, so that a
    /// reload costs no reconnection: [`is_up`](Self::is_up) is true at once then, and no `Up` follows. A
    /// reconfigured plugin opens a new one, as its login may have changed.
    pub fn start(start: &mut Start, target: WebSocketTarget) -> Self {
        let tag = format!("{TAG_PREFIX}{}", target.url);
        // A timer that waited for the next try is of no use to an instance that tries at once; it is not
        // adopted, so the host cancels it.
        let kept = match start.reason {
            crate::Reason::Reconfigured => None,
            _ => start.adopt_connection(&target.url),
        };
        let mut link = Self {
            target,
            tag,
            state: LinkState::Stuck,
            backoff: Backoff::default(),
        };
        match kept {
            Some(id) => {
                link.state = LinkState::Up {
                    socket: WebSocket(id),
                    since: Instant::now(),
                }
            }
            None => drop(link.open()),
        }
        link
    }

    /// Whether messages can be sent.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, LinkState::Up { .. })
    }

    /// The socket, while it is up.
    #[must_use]
    pub fn socket(&self) -> Option<WebSocket> {
        match self.state {
            LinkState::Up { socket, .. } => Some(socket),
            _ => None,
        }
    }

    /// The login worked: the next loss counts as the first. Not calling this is safe: a link that was up for a
    /// minute counts as settled anyway, one that is closed again and again by the other side does not.
    pub fn established(&mut self) {
        self.backoff.worked();
    }

    /// Takes an input. `None`: it is not about this link, or nothing that the plugin need know.
    pub fn on_input<'a>(&mut self, input: &'a Input) -> Option<LinkEvent<'a>> {
        match (input, self.state) {
            (Input::ConnectionOpened((id, _)), LinkState::Opening(socket)) if *id == socket.0 => {
                self.state = LinkState::Up {
                    socket,
                    since: Instant::now(),
                };
                Some(LinkEvent::Up(socket))
            }
            (Input::WsMessages((id, messages)), LinkState::Up { socket, .. })
                if *id == socket.0 =>
            {
                Some(LinkEvent::Messages(socket, messages))
            }
            (Input::ConnectionFailed((id, error)), LinkState::Opening(socket))
                if *id == socket.0 =>
            {
                Some(self.lost(error.to_string()))
            }
            (Input::ConnectionClosed((id, info)), LinkState::Opening(socket))
                if *id == socket.0 =>
            {
                Some(self.lost(format!("closed with {}: {}", info.code, info.reason)))
            }
            (Input::ConnectionClosed((id, info)), LinkState::Up { socket, since })
                if *id == socket.0 =>
            {
                if since.elapsed() >= SETTLED {
                    self.backoff.worked();
                }
                Some(self.lost(format!("closed with {}: {}", info.code, info.reason)))
            }
            (Input::Timer((id, _)), LinkState::Waiting(timer)) if *id == timer => self.open(),
            (_, LinkState::Stuck) => self.open(),
            _ => None,
        }
    }

    fn open(&mut self) -> Option<LinkEvent<'static>> {
        match self.target.open() {
            Ok(socket) => {
                self.state = LinkState::Opening(socket);
                None
            }
            Err(error) => Some(self.lost(error.to_string())),
        }
    }

    fn lost(&mut self, reason: String) -> LinkEvent<'static> {
        let retry_in = self.backoff.failed(random());
        self.state = match timers::after(retry_in, &self.tag) {
            Ok(timer) => LinkState::Waiting(timer),
            Err(error) => {
                log_with(Level::Error, "no timer to reconnect", &[("reason", &error)]);
                LinkState::Stuck
            }
        };
        LinkEvent::Down { reason, retry_in }
    }
}

/// Any number: the keys of std's hashes are random.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}
