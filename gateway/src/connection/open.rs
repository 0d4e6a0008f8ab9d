//! From an accepted handshake to a connection that reads and is written to.

use super::decoder::Decoder;
use super::entrance::Entrance;
use super::reader::Reader;
use super::registry::{Entry, Membership};
use super::session::{Dialect, Session};
use super::{Inner, Io};
use crate::auth::Caller;
use crate::commands::Context;
use crate::config::DialectName;
use crate::dialects::encoder::Seat;
use crate::dialects::{Flow, Native, Plugin, welcome};
use crate::event::Timestamp;
use crate::limits::SubjectPlace;
use crate::plugins::api::{Client, DialectClient};
use crate::shard::{Lane, Link, LiveTerms, Registration, Status, Wire};
use bytes::Bytes;
use hyper::Request;
use hyper::header::{HeaderValue, USER_AGENT};
use hyper::upgrade::OnUpgrade;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tracing::debug;

/// Most bytes of a user agent that are kept.
const MAX_USER_AGENT: usize = 128;

/// What is known of a connection before it is open.
pub(super) struct Opening {
    peer: SocketAddr,
    dialect: DialectName,
    path: String,
    query: Vec<(String, String)>,
    user_agent: Option<Box<str>>,
    seat: Option<Seat>,
    terms: LiveTerms,
    limit: Duration,
    caller: Caller,
    place: SubjectPlace,
}

/// An open connection: its reading side, what it sent early, and its place in the registry.
pub(super) type Opened = (Reader<Session>, Bytes, Membership);

impl Opening {
    pub(super) fn new<B>(
        request: &Request<B>,
        peer: SocketAddr,
        dialect: &DialectName,
        seat: Option<Seat>,
        entrance: &Entrance,
        caller: Caller,
        place: SubjectPlace,
    ) -> Self {
        let agent = request.headers().get(USER_AGENT).map(HeaderValue::as_bytes);
        let query = request.uri().query().unwrap_or("");
        Self {
            peer,
            dialect: dialect.clone(),
            path: request.uri().path().to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes())
                .into_owned()
                .collect(),
            user_agent: agent.map(|agent| {
                let text = String::from_utf8_lossy(agent);
                text.chars().take(MAX_USER_AGENT).collect::<String>().into()
            }),
            seat,
            terms: entrance.terms(dialect),
            limit: entrance.handshake_timeout(),
            caller,
            place,
        }
    }

    /// Waits for the socket and begins. `None`: the client went away before.
    pub(super) async fn run(self, inner: &Arc<Inner>, upgrade: OnUpgrade) -> Option<Opened> {
        let upgraded = match timeout(self.limit, upgrade).await {
            Ok(Ok(upgraded)) => upgraded,
            Ok(Err(error)) => {
                debug!(%error, "a handshake was not completed");
                return None;
            }
            Err(_) => return None,
        };
        // hyper's read buffer lives as long as the parts do: keep the bytes, let the rest go.
        let parts = upgraded.downcast::<Io>().ok()?;
        let (socket, early) = (parts.io.into_inner(), parts.read_buf);
        let early = Bytes::copy_from_slice(&early);
        let _best_effort = socket.tcp().set_nodelay(true);
        self.begin(inner, Arc::new(socket), early).await
    }

    async fn begin(self, inner: &Arc<Inner>, socket: Arc<Wire>, early: Bytes) -> Option<Opened> {
        let id: Arc<str> = format!("{:016x}", rand::random::<u64>()).into();
        let link = inner.shards.link();
        let status = Arc::new(Status::default());
        let population = inner.shards.population().clone();
        let now = population.millis(Instant::now());
        status.read_at(now);
        let dialect: Arc<str> = match &self.dialect {
            DialectName::Native => "native".into(),
            DialectName::Plugin(instance) => instance.as_str().into(),
        };
        let entry = Entry {
            id: id.clone(),
            address: self.peer,
            dialect: dialect.clone(),
            user_agent: self.user_agent.clone(),
            connected_at: Timestamp::now(),
            connected_millis: now,
            status: status.clone(),
            link: link.clone(),
        };
        let membership = inner.registry.add(link.number(), entry);
        let native = self.dialect == DialectName::Native;
        let registration = Registration {
            number: link.number(),
            socket: socket.clone(),
            lane: self.seat.as_ref().map_or(Lane::NATIVE, Seat::lane),
            dialect,
            client_id: id.clone(),
            caller: self.caller.clone(),
            access: inner
                .backend
                .auth
                .access(self.caller.identity().map(|i| &**i)),
            terms: self.terms.clone(),
            status: status.clone(),
            greeting: native.then(|| {
                let terms = self.terms.load();
                welcome(&inner.backend, &terms, &id, self.caller.identity())
            }),
        };
        link.register(registration).await;
        let terms = self.terms.clone();
        let dialect = self.dialect(inner, &id, &link, &status);
        let mut session = Session::new(dialect, terms.clone(), inner.received.clone());
        if let Flow::Close(closing) = session.open().await {
            status.set_closing();
            link.close(closing).await;
        }
        let reader = Reader {
            socket,
            decoder: Decoder::new(terms.load().max_message_bytes),
            link,
            status,
            population,
            handler: session,
            pause: None,
        };
        Some((reader, early, membership))
    }

    fn dialect(self, inner: &Arc<Inner>, id: &str, link: &Link, status: &Arc<Status>) -> Dialect {
        let backend = inner.backend.clone();
        let address = self.peer.ip().to_string();
        let identity = self.caller.identity().cloned();
        match (self.dialect, self.seat) {
            (DialectName::Plugin(instance), Some(seat)) => {
                let client = DialectClient {
                    id: id.to_owned(),
                    path: self.path,
                    query: self.query,
                    caller: self.caller,
                    address,
                    session: "".into(),
                };
                let (link, terms, status) = (link.clone(), self.terms, status.clone());
                let plugin = Plugin::new(backend, instance, link, terms, status, client, seat);
                Dialect::Plugin(Box::new(plugin.in_place(self.place)))
            }
            _ => {
                let client = Client {
                    id: id.to_owned(),
                    identity,
                    address,
                    via: Vec::new(),
                };
                let context = Context::new(
                    backend,
                    link.clone(),
                    status.clone(),
                    Arc::new(client),
                    self.terms,
                    self.place,
                );
                Dialect::Native(Native::new(context))
            }
        }
    }
}
