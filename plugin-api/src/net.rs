//! The network: WebSockets, TCP, HTTP. Framing, TLS and names are the host's. Grant: `connect`.
//!
//! Nothing here waits but [`HttpRequest::fetch`]: opening returns at once, and
//! [`Input::ConnectionOpened`](crate::Input) or [`Input::ConnectionFailed`](crate::Input) follows. For a link
//! that shall stay up, use [`Link`](crate::Link).

use crate::raw;
use crate::{ConnectionId, RequestId, millis};
use serde::Serialize;
use std::time::Duration;

pub use crate::net_error::NetError;
pub use crate::wit::host::net::{
    Certificate, CloseInfo, HeaderValue, HttpResponse, Opened, TlsMode, WsMessage,
};

/// A WebSocket of this plugin: its id, with what can be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WebSocket(pub ConnectionId);

/// A TCP connection of this plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TcpStream(pub ConnectionId);

/// A WebSocket to be opened.
#[derive(Debug, Clone, PartialEq)]
pub struct WebSocketTarget {
    /// `ws://` or `wss://`.
    pub url: String,
    /// Subprotocols to offer.
    pub protocols: Vec<String>,
    /// Headers of the handshake.
    pub headers: Vec<(String, HeaderValue)>,
}

impl WebSocketTarget {
    /// A WebSocket at a URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            protocols: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// Offers a subprotocol.
    #[must_use]
    pub fn protocol(mut self, protocol: impl Into<String>) -> Self {
        self.protocols.push(protocol.into());
        self
    }

    /// Sends a header in which the host replaces each `${name}` by that granted secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.headers
            .push((name.into(), header_value(template.into())));
        self
    }

    /// Begins to open it.
    ///
    /// # Errors
    /// Not granted, not a URL, or the limit of connections is reached.
    pub fn open(&self) -> Result<WebSocket, NetError> {
        raw::websocket::open(&self.url, &self.protocols, &self.headers).map(WebSocket)
    }
}

/// A value with a `${` is a template, any other is plain.
fn header_value(text: String) -> HeaderValue {
    if text.contains("${") {
        HeaderValue::Template(text)
    } else {
        HeaderValue::Plain(text)
    }
}

impl WebSocket {
    /// Sends one text message.
    ///
    /// # Errors
    /// The socket is closed, or its queue is full.
    pub fn send_text(self, text: impl Into<String>) -> Result<(), NetError> {
        self.send(&[WsMessage::Text(text.into())])
    }

    /// Sends one text message of JSON.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text), or the value can't be JSON.
    pub fn send_json(self, value: &impl Serialize) -> Result<(), NetError> {
        let text =
            serde_json::to_string(value).map_err(|error| NetError::Protocol(error.to_string()))?;
        self.send_text(text)
    }

    /// Sends one text message in which the host replaces each `${name}` by that granted secret, escaped for a
    /// JSON string: `{"type": "auth", "access_token": "${token}"}`.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text), or the secret is not granted.
    pub fn send_template(self, template: impl Into<String>) -> Result<(), NetError> {
        self.send(&[WsMessage::TextTemplate(template.into())])
    }

    /// Sends messages in their order.
    ///
    /// # Errors
    /// The socket is closed, or its queue is full.
    pub fn send(self, messages: &[WsMessage]) -> Result<(), NetError> {
        raw::websocket::send(self.0, messages)
    }

    /// Closes it with a code (RFC 6455, section 7.4) and a reason; `ConnectionClosed` follows.
    pub fn close(self, code: u16, reason: &str) {
        let reason = reason.to_owned();
        raw::websocket::close(self.0, &CloseInfo { code, reason });
    }
}

impl TcpStream {
    /// Begins to connect.
    ///
    /// # Errors
    /// Not granted, or the limit of connections is reached.
    pub fn connect(host: &str, port: u16, tls: TlsMode) -> Result<Self, NetError> {
        raw::tcp::connect(host, port, tls).map(Self)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// The connection is closed, or its queue is full.
    pub fn send(self, data: &[u8]) -> Result<(), NetError> {
        raw::tcp::send(self.0, data)
    }

    /// Closes it.
    pub fn close(self) {
        raw::tcp::close(self.0);
    }
}

/// An HTTP request. Redirects are not followed: a 3xx is an answer like any other.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpRequest(crate::wit::host::net::HttpRequest);

impl HttpRequest {
    /// A request without a body, with ten seconds' time.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self(crate::wit::host::net::HttpRequest {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            timeout: 10_000,
        })
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST` of JSON.
    ///
    /// # Errors
    /// The value can't be JSON.
    pub fn post_json(
        url: impl Into<String>,
        value: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(value)?;
        Ok(Self::new("POST", url)
            .header("content-type", "application/json")
            .body(body))
    }

    /// A header in which the host replaces each `${name}` by that granted secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.0
            .headers
            .push((name.into(), header_value(template.into())));
        self
    }

    /// The body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.0.body = Some(body.into());
        self
    }

    /// How long it may take, all in all.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = millis(timeout);
        self
    }

    /// Begins it; [`Input::HttpDone`](crate::Input) follows. For sources.
    ///
    /// # Errors
    /// Not granted, not a URL, or the limit of requests is reached.
    pub fn start(&self) -> Result<RequestId, NetError> {
        raw::http::start(&self.0)
    }

    /// Sends it and waits for the answer. Later inputs of this plugin wait too, so a source had better
    /// [`start`](Self::start) it.
    ///
    /// # Errors
    /// Not granted, or the network's reason.
    pub fn fetch(&self) -> Result<HttpResponse, NetError> {
        raw::http::fetch(&self.0)
    }
}

impl HttpResponse {
    /// The first header of that name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// The body as JSON, in the author's type.
    ///
    /// # Errors
    /// It does not fit.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }
}
