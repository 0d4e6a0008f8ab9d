//! Connections: from a request that asks for WebSocket to the last byte.
//!
//! `handshake` → `open` (the bare socket is taken out of hyper) → `reader` (frames, `decoder`) → `session` (limits,
//! then the dialect) → answers through the link to the shard, which writes.

pub mod decoder;
mod entrance;
mod handshake;
mod open;
pub mod rate;
pub mod reader;
mod registry;
mod session;
mod utf8;

pub use entrance::Entrance;
pub use registry::{Listed, Registry};

use crate::auth::{Auth, Caller};
use crate::bus::Bus;
use crate::commands::Backend;
use crate::config::{self, DialectName, Limit};
use crate::dialects::encoder::Encoders;
use crate::limits::{Doorman, Pass, SubjectPlace, TooMany};
use crate::plugins::PluginHost;
use crate::protocol::{CloseCode, ReconnectAdvice, frame, push};
use crate::shard::{Closing, Population, Shards, Wire};
use crate::telemetry::limits as reached;
use arc_swap::ArcSwap;
use bytes::Bytes;
use entrance::{Room, Taken};
use handshake::Refused;
use http_body_util::Full;
use hyper::header::HeaderValue;
use hyper::{Request, Response, body::Incoming};
use metrics::{Counter, Gauge, counter, gauge};
use open::Opening;
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// The type of I/O that a listener must serve with hyper (`http1::Builder::serve_connection(Io, …).with_upgrades()`),
/// so that the bare socket can be had back after the upgrade.
pub type Io = hyper_util::rt::TokioIo<Wire>;

/// How long connections that were cut off may take to end.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Where requests become connections. Cheap to clone.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    registry: Arc<Registry>,
    shards: Shards,
    backend: Arc<Backend>,
    encoders: Encoders,
    draining: AtomicBool,
    /// How many connections of each dialect there are. As many entries as dialects were ever configured.
    dialects: Mutex<FxHashMap<DialectName, Room>>,
    received: Counter,
    open: Gauge,
}

/// A connection that counts, until it is dropped.
struct Counted {
    population: Arc<Population>,
    open: Gauge,
    _taken: [Taken; 2],
    _pass: Pass,
}

/// What a client asks for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The protocol that it speaks.
    pub dialect: &'a DialectName,
    /// The subprotocol that it offered for it.
    pub subprotocol: Option<HeaderValue>,
    /// The listener that it came to.
    pub entrance: &'a Entrance,
    /// Who it is.
    pub caller: Caller,
}

/// Answers a handshake alone, for servers that are built on [`reader`] without the rest: 101, or why not.
#[must_use]
pub fn answer_handshake<B>(request: &Request<B>) -> Response<Full<Bytes>> {
    handshake::accept(request, None).unwrap_or_else(Refused::response)
}

impl Connections {
    /// Connections of all dialects, over these shards.
    #[must_use]
    pub fn new(
        settings: config::Connections,
        registry: Arc<Registry>,
        bus: Bus,
        shards: Shards,
        plugins: PluginHost,
        auth: Auth,
    ) -> Self {
        let backend = Arc::new(Backend {
            bus,
            plugins,
            auth,
            doorman: Doorman::default(),
            settings: ArcSwap::from_pointee(settings),
        });
        let encoders = Encoders::new(shards.clone(), backend.clone(), registry.clone());
        Self(Arc::new(Inner {
            registry,
            shards,
            backend,
            encoders,
            draining: AtomicBool::new(false),
            dialects: Mutex::default(),
            received: counter!("hearthgate_messages_received_total"),
            open: gauge!("hearthgate_connections_open"),
        }))
    }

    /// Who may do what here.
    #[must_use]
    pub fn auth(&self) -> &Auth {
        &self.0.backend.auth
    }

    /// Takes a client's knock, before anything is done for it.
    ///
    /// # Errors
    /// The answer to one that knocks too often.
    pub fn knock(
        &self,
        address: IpAddr,
        dialect: &DialectName,
        entrance: &Entrance,
    ) -> Result<(), Box<Response<Full<Bytes>>>> {
        let terms = entrance.terms(dialect).load_full();
        let knocked = self.0.backend.doorman.knock(address, &terms);
        knocked.map_err(|too_many| Box::new(refused(too_many).response()))
    }

    /// Takes a request to a route whose mount is WebSocket: checks it, answers 101, and runs the connection from then on.
    #[must_use]
    pub fn upgrade(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        wanted: Wanted<'_>,
    ) -> Response<Full<Bytes>> {
        self.try_upgrade(request, peer, wanted)
            .unwrap_or_else(Refused::response)
    }

    fn try_upgrade(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
        wanted: Wanted<'_>,
    ) -> Result<Response<Full<Bytes>>, Refused> {
        let Wanted {
            dialect,
            subprotocol,
            entrance,
            caller,
        } = wanted;
        let response = handshake::accept(&request, subprotocol)?;
        if self.0.draining.load(Relaxed) {
            return Err(Refused::Unavailable("the gateway is stopping"));
        }
        let seat = match dialect {
            DialectName::Native => None,
            DialectName::Plugin(instance) => {
                let away = Refused::Unavailable("this dialect is not available");
                self.0.backend.plugins.dialect(instance).ok_or(away)?;
                Some(self.0.encoders.take_seat(instance).ok_or(away)?)
            }
        };
        let (counted, place) = self.count(dialect, entrance, peer.ip(), &caller)?;
        let upgrade = hyper::upgrade::on(&mut request);
        let opening = Opening::new(&request, peer, dialect, seat, entrance, caller, place);
        let connections = self.clone();
        tokio::spawn(async move {
            // What is only needed to open is boxed, so that the task of an open connection is small.
            let opened = Box::pin(opening.run(&connections.0, upgrade)).await;
            drop(connections);
            if let Some((reader, early, _membership)) = opened {
                reader.run(early).await;
            }
            drop(counted);
        });
        Ok(response)
    }

    /// Has open connections follow the rules, and what was revoked, as they are now.
    pub async fn review(&self) {
        let auth = self.auth();
        self.0.shards.review(auth).await;
    }

    /// Takes a new configuration, and has open connections follow what their listeners say by now.
    pub fn apply(&self, settings: config::Connections) {
        let shards = self.0.shards.clone();
        self.0.backend.settings.store(Arc::new(settings));
        tokio::spawn(async move { shards.refresh().await });
    }

    /// Ends all connections: no new ones, `disconnect` with advice, outboxes written out, closed; cut off at the deadline.
    pub async fn drain(&self, code: CloseCode, reconnect: ReconnectAdvice, deadline: Instant) {
        self.0.draining.store(true, Relaxed);
        let close = frame::close(code.number(), code.reason());
        let closing = |frames| Closing {
            code: code.number(),
            frames,
            at_once: false,
        };
        let native = closing(vec![push::disconnect(code, Some(reconnect)), close.clone()]);
        self.0.shards.close_all(native, closing(vec![close])).await;
        if timeout_at(deadline, self.0.registry.emptied())
            .await
            .is_err()
        {
            self.0.shards.abort_all().await;
            let _cut_off = timeout(LAST_WAIT, self.0.registry.emptied()).await;
        }
    }

    /// Counts a connection, unless there are as many as there may be.
    fn count(
        &self,
        dialect: &DialectName,
        entrance: &Entrance,
        address: IpAddr,
        caller: &Caller,
    ) -> Result<(Box<Counted>, SubjectPlace), Refused> {
        let settings = self.0.backend.settings.load();
        let terms = entrance.terms(dialect).load_full();
        let only_counts = terms.only_counts(Limit::Connections);
        let full = |reason: &'static str| {
            reached::tell(Limit::Connections, false);
            counter!("hearthgate_connections_refused_total", "reason" => reason).increment(1);
            Refused::Unavailable("there are as many connections as there may be")
        };
        let own = settings.dialects.get(dialect);
        let most = own.and_then(|d| d.max_connections).unwrap_or(usize::MAX);
        let of_dialect = self
            .0
            .dialects
            .lock()
            .entry(dialect.clone())
            .or_default()
            .clone();
        let of_dialect = of_dialect
            .take(most, only_counts)
            .ok_or_else(|| full("dialect"))?;
        let of_listener = entrance.room.take(entrance.most(), only_counts);
        let of_listener = of_listener.ok_or_else(|| full("listener"))?;
        let (pass, place) = self.admit(address, caller, &terms)?;
        let population = self.0.shards.population().clone();
        let tried_out = || {
            reached::tell(Limit::Connections, true);
            population.try_add(usize::MAX)
        };
        let room = population.try_add(settings.max_connections);
        if !(room || only_counts && tried_out()) {
            return Err(full("full"));
        }
        self.0.open.increment(1);
        let counted = Counted {
            population,
            open: self.0.open.clone(),
            _taken: [of_dialect, of_listener],
            _pass: pass,
        };
        Ok((Box::new(counted), place))
    }

    /// Counts a connection of its address and of its user.
    fn admit(
        &self,
        address: IpAddr,
        caller: &Caller,
        terms: &config::Terms,
    ) -> Result<(Pass, SubjectPlace), Refused> {
        let doorman = &self.0.backend.doorman;
        let admitted = doorman.admit(address, terms).and_then(|pass| {
            let mut place = SubjectPlace::default();
            if let Some(identity) = caller.identity() {
                doorman.seat(&mut place, &identity.subject, terms)?;
            }
            Ok((pass, place))
        });
        admitted.map_err(|too_many| {
            let reason = too_many.limit.name();
            counter!("hearthgate_connections_refused_total", "reason" => reason).increment(1);
            refused(too_many)
        })
    }
}

fn refused(too_many: TooMany) -> Refused {
    Refused::TooMany(too_many.sentence(), too_many.after)
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.population.remove();
        self.open.decrement(1);
    }
}

#[cfg(test)]
mod tests;
