//! What a connection, or the gateway, asks of a shard.

use super::{Lane, Opening, Status, Wire};
use crate::auth::{Access, Auth, Caller, Verified};
use crate::config::Terms;
use crate::event::Filter;
use crate::protocol::CloseCode;
use crate::protocol::request::Policy;
use arc_swap::ArcSwap;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// A connection, unique while the gateway runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Number(pub u64);

/// What holds for connections of one kind, as last configured. All of a kind share it; a shard looks at it anew at
/// [`super::Shards::refresh`], readers with each message.
pub type LiveTerms = Arc<ArcSwap<Terms>>;

/// A connection that a shard takes over.
pub struct Registration {
    /// Its number.
    pub number: Number,
    /// Its socket; the shard writes, the connection's task reads.
    pub socket: Arc<Wire>,
    /// The bytes that it gets.
    pub lane: Lane,
    /// Whose those are: `native`, or a plugin's instance.
    pub dialect: Arc<str>,
    /// Its id, for audiences.
    pub client_id: Arc<str>,
    /// Who it is.
    pub caller: Caller,
    /// What it may.
    pub access: Arc<Access>,
    /// What holds for it.
    pub terms: LiveTerms,
    /// Its figures.
    pub status: Arc<Status>,
    /// What it is told first.
    pub greeting: Option<Bytes>,
}

/// A subscription that a shard begins.
pub struct Subscription {
    /// Its number, unique within the connection; one in use is replaced.
    pub id: u64,
    /// What for.
    pub filter: Filter,
    /// What a slow client misses.
    pub policy: Policy,
    /// Where it begins, if not at the last event that the shard handled.
    pub opening: Option<Opening>,
    /// Makes the answer, which goes out before the first event.
    pub answer: Option<Answer>,
}

/// What became of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Events after this number follow.
    pub seq: u64,
    /// How many retained events come first.
    pub replayed: usize,
}

/// Makes the answer to a subscription.
pub type Answer = Box<dyn FnOnce(Begun) -> Bytes + Send>;

/// Why and how a connection is closed.
#[derive(Debug, Clone)]
pub struct Closing {
    /// The code, for metrics.
    pub code: u16,
    /// Last words: a `disconnect` (native), a close frame.
    pub frames: Vec<Bytes>,
    /// Without the events that wait.
    pub at_once: bool,
}

impl Closing {
    /// The server's own closing of a native connection, told with a `disconnect`.
    #[must_use]
    pub fn by_server(code: CloseCode, native: bool) -> Self {
        use crate::protocol::{frame, push};
        let told = native.then(|| push::disconnect(code, code.reconnect()));
        let close = frame::close(code.number(), code.reason());
        Self {
            code: code.number(),
            frames: told.into_iter().chain([close]).collect(),
            at_once: true,
        }
    }

    /// A closing that a plugin or the operator asked for, with a code of their own choice; a native client is told with a
    /// `disconnect`, and may come back unless the code says otherwise.
    #[must_use]
    pub fn asked_for(code: u16, reason: &str, native: bool) -> Self {
        use crate::protocol::{ReconnectAdvice, frame, push};
        let stays_away = code == 1008 || (4500..5000).contains(&code);
        let advice = (!stays_away).then(|| ReconnectAdvice::within(Duration::from_secs(10)));
        let told = native.then(|| push::farewell(code, reason, advice));
        let close = frame::close(code, reason);
        Self {
            code,
            frames: told.into_iter().chain([close]).collect(),
            at_once: false,
        }
    }
}

impl Closing {
    /// The end of a connection that was silent for longer than its dialect allows.
    #[must_use]
    pub fn idle(code: u16, native: bool) -> Self {
        use crate::protocol::{frame, push};
        let silent = CloseCode::Unresponsive;
        let told = native.then(|| push::farewell(code, silent.reason(), silent.reconnect()));
        Self {
            code,
            frames: told
                .into_iter()
                .chain([frame::close(code, silent.reason())])
                .collect(),
            at_once: true,
        }
    }
}

/// What a connection, or the gateway, asks of a shard.
pub enum Command {
    /// Take over a connection.
    Register(Box<Registration>),
    /// Send a control frame.
    Control(Number, Bytes),
    /// Begin a subscription.
    Subscribe(Number, Box<Subscription>),
    /// End one.
    Unsubscribe(Number, u64),
    /// The connection is someone from now on, and may that.
    Identify(Number, Box<(Verified, Arc<Access>)>),
    /// Look at all by the rules, and by what was revoked, as they are now.
    Review(Auth),
    /// Close it.
    Close(Number, Closing),
    /// Its reader has ended: let it go.
    Gone(Number),
    /// Look at every connection's terms anew.
    Refresh,
    /// Cut off all.
    Abort,
}
