//! What clients are answered on a listener's paths: the upgrade to WebSocket, or a plugin's routes.

pub mod body;
pub mod plugin;
pub mod reply;
pub mod table;

use crate::connection::Connections;
use crate::listener::Answer;
use crate::plugins::PluginHost;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONNECTION, HeaderMap, UPGRADE};
use hyper::{Method, Request, Response, StatusCode};
use std::net::SocketAddr;
use std::sync::Arc;
use table::{Found, Table};

/// Answers the requests of one listener. Its table can be exchanged while it is served.
pub struct Front {
    table: ArcSwap<Table>,
    connections: Connections,
    plugins: PluginHost,
}

impl Front {
    /// What answers by this table.
    #[must_use]
    pub fn new(table: Table, connections: Connections, plugins: PluginHost) -> Self {
        Self {
            table: ArcSwap::from_pointee(table),
            connections,
            plugins,
        }
    }

    /// Answers by another table from the next request on. Connections that are open stay.
    pub fn exchange(&self, table: Table) {
        self.table.store(Arc::new(table));
    }
}

impl Answer for Front {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Full<Bytes>> {
        let table = self.table.load_full();
        let response = match table.find(request.uri().path()) {
            Found::Nothing => not_found(request.uri().path(), &table),
            Found::Plugin(instance) => {
                plugin::serve(&self.plugins, instance, request, peer, table.max_body()).await
            }
            Found::Dialect(_) if !asks_for_websocket(&request) => upgrade_required(&request),
            Found::Dialect(dialect) => self.connections.upgrade(request, peer, dialect),
        };
        let status = response.status().as_u16();
        metrics::counter!("hearthgate_http_responses_total", "status" => status.to_string())
            .increment(1);
        response
    }
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
    if request.method() != Method::GET {
        let why = "this path speaks WebSocket, which begins with a GET request";
        let mut response = reply::error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", why);
        let get = hyper::header::HeaderValue::from_static("GET");
        response.headers_mut().insert(ALLOW, get);
        return response;
    }
    let why = "this path speaks WebSocket: connect with a WebSocket client (ws://…), and behind a proxy let it pass the Connection and Upgrade headers";
    let mut response = reply::error(StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED", why);
    let headers = response.headers_mut();
    // RFC 9110, section 15.5.22: the answer names what to upgrade to.
    let websocket = hyper::header::HeaderValue::from_static("websocket");
    let upgrade = hyper::header::HeaderValue::from_static("upgrade");
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
