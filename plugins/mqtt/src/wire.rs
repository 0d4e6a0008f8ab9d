//! The socket of the session: opened, opened again after a loss, watched, and handed over on a reload.

use crate::codec::{Connect, Will};
use crate::config::{Address, Config};
use crate::session::{MOST_UNDER_WAY, Session};
use hearthgate_plugin::net::TcpStream;
use hearthgate_plugin::{Backoff, HostError, Reason, Start, TimerId, log, secrets, timers};
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// How long a link must have been up for its next loss to count as the first.
const SETTLED: Duration = Duration::from_secs(60);
/// The tag of the timer that watches the link.
pub const WATCH: &str = "watch";
/// The tag of the timer that opens it again.
pub const AGAIN: &str = "again";

/// Where the socket stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Socket {
    Closed,
    Waiting(TimerId),
    Opening(TcpStream),
    Open(TcpStream, Option<Instant>),
}

/// The socket, and when to try again.
#[derive(Debug)]
pub struct Wire {
    address: Address,
    socket: Socket,
    backoff: Backoff,
    watch: Option<TimerId>,
    period: Duration,
}

impl Wire {
    /// Takes over the socket of the instance before this one, if that is what a reload gives and `adopt` wants it.
    pub fn start(
        start: &mut Start,
        address: Address,
        keep_alive: Duration,
        adopt: bool,
    ) -> Result<Self, HostError> {
        let adopt = adopt && start.reason != Reason::Reconfigured;
        let kept = adopt
            .then(|| start.adopt_connection(&address.url))
            .flatten();
        let period = half(keep_alive);
        let watch = match kept {
            Some(_) => start.every(period, WATCH)?,
            None => timers::every(period, WATCH)?,
        };
        let socket = match kept {
            Some(id) => Socket::Open(TcpStream(id), Some(Instant::now())),
            None => Socket::Closed,
        };
        Ok(Self {
            address,
            socket,
            backoff: Backoff::default(),
            watch: Some(watch),
            period,
        })
    }

    /// Whether it was taken over.
    pub fn is_open(&self) -> bool {
        matches!(self.socket, Socket::Open(..))
    }

    /// Whether an input is about this socket.
    pub fn is(&self, id: u64) -> bool {
        matches!(self.socket, Socket::Opening(s) | Socket::Open(s, _) if s.0 == id)
    }

    /// The socket's id.
    #[cfg(test)]
    pub fn id(&self) -> Option<u64> {
        match self.socket {
            Socket::Opening(stream) | Socket::Open(stream, _) => Some(stream.0),
            _ => None,
        }
    }

    /// The timer that it waits for.
    #[cfg(test)]
    pub fn waiting(&self) -> Option<TimerId> {
        match self.socket {
            Socket::Waiting(timer) => Some(timer),
            _ => None,
        }
    }

    /// Whether this timer opens it again.
    pub fn is_due(&self, timer: TimerId) -> bool {
        self.socket == Socket::Waiting(timer)
    }

    /// Begins to open it.
    ///
    /// # Errors
    /// Why it can't, in words.
    pub fn open(&mut self) -> Result<(), String> {
        let Address {
            host, port, tls, ..
        } = &self.address;
        let stream = TcpStream::connect(host, *port, *tls).map_err(|error| error.to_string())?;
        self.socket = Socket::Opening(stream);
        Ok(())
    }

    /// It is open.
    pub fn opened(&mut self) {
        if let Socket::Opening(stream) = self.socket {
            self.socket = Socket::Open(stream, None);
        }
    }

    /// The broker let us in; with a keep-alive of its own, the link is watched in its rhythm.
    pub fn greeted(&mut self, keep_alive: Option<u16>) {
        if let Socket::Open(stream, _) = self.socket {
            self.socket = Socket::Open(stream, Some(Instant::now()));
        }
        // 0 means that there is no such limit, and then ours stays.
        let period = keep_alive
            .filter(|seconds| *seconds > 0)
            .map(|s| half(Duration::from_secs(s.into())));
        if let Some(period) = period.filter(|period| *period < self.period)
            && let Ok(watch) = timers::every(period, WATCH)
        {
            self.watch
                .replace(watch)
                .into_iter()
                .for_each(timers::cancel);
            self.period = period;
        }
    }

    /// Sends what the session has to say.
    ///
    /// # Errors
    /// The socket can't take it.
    pub fn send(&self, session: &mut Session) -> Result<(), String> {
        let out = session.take_out();
        match self.socket {
            Socket::Open(stream, _) if !out.is_empty() => {
                stream.send(&out).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    }

    /// It is lost, or given up: opens it again after a while.
    pub fn lost(&mut self) -> Duration {
        match self.socket {
            Socket::Opening(stream) => stream.close(),
            Socket::Open(stream, since) => {
                stream.close();
                if since.is_some_and(|since| since.elapsed() >= SETTLED) {
                    self.backoff.worked();
                }
            }
            Socket::Waiting(timer) => timers::cancel(timer),
            Socket::Closed => {}
        }
        let wait = self.backoff.failed(RandomState::new().hash_one(0));
        self.socket = match timers::after(wait, AGAIN) {
            Ok(timer) => Socket::Waiting(timer),
            // The timer that watches the link tries again.
            Err(_) => Socket::Closed,
        };
        wait
    }

    /// Whether nothing is under way, not even a try.
    pub fn is_idle(&self) -> bool {
        self.socket == Socket::Closed
    }
}

/// A broker gives up after one and a half times the keep-alive; two of these are within that, and a dead link is
/// noticed within one keep-alive.
fn half(keep_alive: Duration) -> Duration {
    (keep_alive / 2).max(Duration::from_millis(500))
}

/// How we introduce ourselves.
pub fn introduction(config: &Config, instance: &str) -> Connect {
    let user = (!config.username.is_empty()).then(|| config.username.clone());
    // MQTT has no place for a template: the password's length stands before it. So it is revealed, used here, and kept
    // nowhere.
    let password = user
        .as_ref()
        .and_then(|_| match secrets::reveal("password") {
            Ok(password) => Some(password),
            Err(error) => {
                log::info!("the user name goes without a password: {error}");
                None
            }
        });
    let expiry = config.session_expiry.as_secs();
    let client_id = match config.client_id.as_str() {
        "" => format!("hearthgate-{instance}"),
        id => id.to_owned(),
    };
    let will = (!config.status_topic.is_empty()).then(|| Will {
        topic: config.status_topic.clone(),
        payload: "offline".to_owned(),
    });
    Connect {
        client_id,
        user,
        password,
        keep_alive: u16::try_from(config.keep_alive.as_secs()).unwrap_or(u16::MAX),
        clean: expiry == 0,
        session_expiry: u32::try_from(expiry).unwrap_or(u32::MAX),
        receive_maximum: u16::try_from(MOST_UNDER_WAY).unwrap_or(u16::MAX),
        maximum_packet: u32::try_from(config.max_message).unwrap_or(u32::MAX),
        will,
    }
}
