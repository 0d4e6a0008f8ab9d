//! What clients are answered on a listener's paths: the upgrade to WebSocket, or a plugin's routes.

pub mod admit;
pub mod body;
pub mod choose;
pub mod cors;
pub mod forwarded;
pub mod origin;
pub mod plugin;
pub mod reply;
pub mod table;

use crate::acme::Challenges;
use crate::auth::Auth;
use crate::config::{DialectName, Listener, Mount, Route};
use crate::connection::{Connections, Entrance, Wanted};
use crate::event::InstanceName;
use crate::listener::{Answer, Peer};
use crate::plugins::PluginHost;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use origin::Visitor;
use std::sync::Arc;
use table::Table;

/// The answer to a request, or to one that is turned away.
type Answered = Result<Response<Full<Bytes>>, Box<Response<Full<Bytes>>>>;

/// Answers the requests of one listener. Its table can be exchanged while it is served.
pub struct Front {
    table: ArcSwap<Table>,
    entrance: Entrance,
    connections: Connections,
    plugins: PluginHost,
    challenges: Challenges,
}

impl Front {
    /// What answers for this listener.
    #[must_use]
    pub fn new(
        listener: &Listener,
        connections: Connections,
        plugins: PluginHost,
        challenges: Challenges,
    ) -> Self {
        Self {
            table: ArcSwap::from_pointee(Table::new(listener)),
            entrance: Entrance::new(listener),
            connections,
            plugins,
            challenges,
        }
    }

    /// Answers by another configuration of the listener from the next request on. Connections that are open stay.
    pub fn exchange(&self, listener: &Listener) {
        self.table.store(Arc::new(Table::new(listener)));
        self.entrance.exchange(listener);
    }

    async fn respond(&self, request: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
        // Before all else: the ACME server knows no token, and looks for nothing else there.
        if let Some(answer) = self.challenges.answer(request.uri().path()) {
            return reply::text(StatusCode::OK, "application/octet-stream", answer);
        }
        let table = self.table.load_full();
        let Some(route) = table.find(request.uri().path()) else {
            return not_found(request.uri().path(), &table);
        };
        let visitor = match origin::visitor(&route.policy.origins, &request) {
            Ok(visitor) => visitor,
            Err(origin) => return foreign(&origin),
        };
        let peer = Peer {
            address: forwarded::client(table.proxies(), peer.address, request.headers()),
            ..peer
        };
        match &route.mount {
            Mount::Dialects(_) if !asks_for_websocket(&request) => upgrade_required(&request),
            Mount::Dialects(dialects) => {
                let upgraded = self.upgrade(dialects, route, request, &peer);
                upgraded.await.unwrap_or_else(|refused| *refused)
            }
            Mount::Plugin(_) if cors::asks(&request) => {
                cors::options(table.cors(), &visitor, &request)
            }
            Mount::Plugin(instance) => {
                let asked = self.ask(instance, route, request, &peer, table.max_body());
                let mut response = asked.await.unwrap_or_else(|refused| *refused);
                label(&mut response, &table, route, &visitor);
                response
            }
        }
    }

    /// Has a plugin answer, if its route is for who asks.
    async fn ask(
        &self,
        instance: &InstanceName,
        route: &Route,
        mut request: Request<Incoming>,
        peer: &Peer,
        max_body: usize,
    ) -> Answered {
        let policy = &route.policy.authentication;
        let caller = admit::caller(self.auth(), &request, policy, peer).await?;
        admit::forget_token(&mut request, policy);
        admit::path(self.auth(), &caller, request.uri().path())?;
        let (plugins, address) = (&self.plugins, peer.address);
        Ok(plugin::serve(plugins, instance, request, caller, address, max_body).await)
    }

    fn auth(&self) -> &Auth {
        self.connections.auth()
    }

    /// Makes a connection of a request. What costs least comes first: an address that knocks too often is not worth
    /// looking at its token.
    async fn upgrade(
        &self,
        dialects: &[DialectName],
        route: &Route,
        mut request: Request<Incoming>,
        peer: &Peer,
    ) -> Answered {
        let chosen = choose::choose(dialects, &request).map_err(|why| {
            let refused = reply::error(StatusCode::BAD_REQUEST, "UNKNOWN_DIALECT", &why);
            Box::new(refused)
        })?;
        let (connections, address) = (&self.connections, peer.address);
        connections.knock(address.ip(), chosen.dialect, &self.entrance)?;
        let policy = &route.policy.authentication;
        let caller = admit::caller(self.auth(), &request, policy, peer).await?;
        admit::forget_token(&mut request, policy);
        let wanted = Wanted {
            dialect: chosen.dialect,
            subprotocol: chosen.subprotocol,
            entrance: &self.entrance,
            caller,
        };
        Ok(connections.upgrade(request, address, wanted))
    }
}

impl Answer for Front {
    async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<Full<Bytes>> {
        let response = self.respond(request, peer).await;
        let status = response.status().as_u16();
        metrics::counter!("hearthgate_http_responses_total", "status" => status.to_string())
            .increment(1);
        response
    }
}

fn label(response: &mut Response<Full<Bytes>>, table: &Table, route: &Route, visitor: &Visitor) {
    cors::label(response, table.cors(), &route.policy, visitor);
}

/// The answer to a web page that may not ask (RFC 6455, section 4.2.2, item 4).
fn foreign(origin: &str) -> Response<Full<Bytes>> {
    metrics::counter!("hearthgate_origins_refused_total").increment(1);
    tracing::debug!(origin, "a page of another origin was refused");
    let why = format!(
        "pages of the origin {origin:?} may not ask here; the operator can allow them (origins)"
    );
    reply::error(StatusCode::FORBIDDEN, "FORBIDDEN_ORIGIN", &why)
}

/// Whether it is an attempt at RFC 6455's opening handshake; whether a good one is for the connection to judge.
fn asks_for_websocket(request: &Request<Incoming>) -> bool {
    names(request.headers(), CONNECTION.as_str(), "upgrade")
        && names(request.headers(), UPGRADE.as_str(), "websocket")
}

fn names(headers: &HeaderMap, header: &str, token: &str) -> bool {
    let values = headers.get_all(header).iter();
    values
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','))
        .any(|t| t.trim().eq_ignore_ascii_case(token))
}

fn upgrade_required(request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let why = "this path speaks WebSocket, which begins with a GET request";
        let mut response = reply::error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", why);
        let get = HeaderValue::from_static("GET");
        response.headers_mut().insert(ALLOW, get);
        return response;
    }
    let why = "this path speaks WebSocket: connect with a WebSocket client (ws://…), and behind a proxy let it pass the Connection and Upgrade headers";
    let mut response = reply::error(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", why);
    let headers = response.headers_mut();
    // RFC 9110, section 15.5.22: the answer names what to upgrade to.
    let websocket = HeaderValue::from_static("websocket");
    let upgrade = HeaderValue::from_static("upgrade");
    headers.insert(UPGRADE, websocket);
    headers.insert(CONNECTION, upgrade);
    response
}

fn not_found(path: &str, table: &Table) -> Response<Full<Bytes>> {
    let served = table.served();
    let message = match served.is_empty() {
        true => format!("nothing is served on {path:?}: this listener has no routes"),
        false => format!("nothing is served on {path:?}; this listener serves {served}"),
    };
    reply::error(StatusCode::NOT_FOUND, "NOT_FOUND", &message)
}
