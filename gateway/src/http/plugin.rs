//! A request on its way through a plugin's routes, and its answer on the way back.

use super::{body, reply};
use crate::auth::Caller;
use crate::event::InstanceName;
use crate::listener::Requests;
use crate::plugins::PluginHost;
use crate::plugins::api::{CallError, HttpCall, HttpReply, Rejection};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use std::net::SocketAddr;
use std::time::Duration;

/// When a client may ask a plugin that is away again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Headers of an answer that are the gateway's to write: they frame the body or hold for one connection only
/// (RFC 9110, section 7.6.1).
const OWN: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Has a plugin answer a request.
pub async fn serve(
    plugins: &PluginHost,
    instance: &InstanceName,
    request: Request<Incoming>,
    caller: Caller,
    peer: SocketAddr,
    max_body: usize,
) -> Response<Full<Bytes>> {
    let Some(routes) = plugins.routes(instance) else {
        let why = format!("plugin {instance} serves no routes now");
        return reply::try_later("PLUGIN_UNAVAILABLE", &why, RETRY_AFTER);
    };
    let (head, incoming) = request.into_parts();
    let body = match body::read(incoming, max_body).await {
        Ok(body) => body,
        Err(response) => return *response,
    };
    // All of it is here: from now on it is we who take our time.
    let _asked = head.extensions.get::<Requests>().map(Requests::begin);
    let call = HttpCall {
        // HEAD is GET without the body, which hyper leaves out (RFC 9110, section 9.3.2).
        method: match head.method {
            Method::HEAD => "GET".to_owned(),
            ref method => method.as_str().to_owned(),
        },
        path: head.uri.path().to_owned(),
        query: pairs(head.uri.query().unwrap_or_default()),
        headers: visible(&head.headers),
        body,
        caller,
        address: peer.ip().to_string(),
    };
    match routes.serve(call).await {
        Ok(reply) => answer(instance, reply),
        Err(error) => failed(&error),
    }
}

/// The pairs of a query, decoded.
#[must_use]
pub fn pairs(query: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// Headers that may hold a credential, which is the gateway's to judge: browsers can send a token with a WebSocket's
/// handshake in the names of subprotocols only.
const SECRET: [HeaderName; 3] = [AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL];

/// What a plugin may see of a request's headers.
fn visible(headers: &HeaderMap) -> Vec<(String, String)> {
    let shown = headers.iter().filter(|(name, _)| !SECRET.contains(name));
    shown
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn answer(instance: &InstanceName, reply: HttpReply) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(reply.status).ok();
    let Some(status) = status.filter(|s| s.as_u16() >= 200) else {
        let status = reply.status;
        tracing::warn!(%instance, status, "a plugin answered with a status that is none");
        let why = format!("plugin {instance} answered with the status {status}");
        return reply::error(StatusCode::BAD_GATEWAY, "PLUGIN_FAILED", &why);
    };
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = status;
    for (name, value) in reply.headers {
        if OWN.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            continue;
        }
        let name = HeaderName::from_bytes(name.as_bytes());
        match (name, HeaderValue::from_bytes(value.as_bytes())) {
            (Ok(name), Ok(value)) => drop(response.headers_mut().append(name, value)),
            _ => tracing::warn!(%instance, "a plugin answered with a header that is none"),
        }
    }
    response
}

fn failed(error: &CallError) -> Response<Full<Bytes>> {
    let why = error.to_string();
    match error {
        CallError::Unavailable { .. } => reply::try_later("PLUGIN_UNAVAILABLE", &why, RETRY_AFTER),
        CallError::TimedOut { .. } => {
            reply::error(StatusCode::GATEWAY_TIMEOUT, "PLUGIN_TIMEOUT", &why)
        }
        CallError::Failed { .. } => reply::error(StatusCode::BAD_GATEWAY, "PLUGIN_FAILED", &why),
        CallError::Internal { .. } => {
            let why = "something in the gateway failed";
            reply::error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", why)
        }
        CallError::Rejected(rejection) => {
            let (status, code) = match rejection {
                Rejection::BadRequest(_) => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
                Rejection::Forbidden(_) => (StatusCode::FORBIDDEN, "FORBIDDEN"),
                Rejection::NotFound(_) => (StatusCode::NOT_FOUND, "NOT_FOUND"),
                Rejection::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            };
            reply::error(status, code, &why)
        }
    }
}
