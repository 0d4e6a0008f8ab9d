//! Sockets that guests open: WebSockets, TCP and TLS.
//!
//! Opening returns an id at once; `ConnectionOpened` or `ConnectionFailed` follows as an input. After that each
//! connection ends with exactly one `ConnectionClosed`, unless the guest it belonged to is gone ([`Sockets::retain`]).

use super::Current;
use super::egress::Network;
use crate::plugins::input::{CloseInfo, ConnectionId, Inbox, NetError};
use bytes::Bytes;
use std::sync::Arc;

/// The value of a header that a guest sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// As it is.
    Plain(String),
    /// Each `${name}` is replaced by that secret.
    Template(String),
}

/// A WebSocket message that a guest sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Bytes),
    /// A text frame in which each `${name}` is replaced by that secret, escaped for a JSON string.
    TextTemplate(String),
}

/// Whether a TCP connection speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain TCP; needs a grant `tcp://…`.
    None,
    /// The certificate must be valid for the host's name; needs `tls://…` or `tls+unverified://…`.
    Verified,
    /// Any certificate; needs `tls+unverified://…`.
    Unverified,
}

/// The sockets of one instance's place.
#[derive(Debug)]
pub struct Sockets {}

impl Sockets {
    pub(crate) fn new(_network: &Arc<Network>, _rights: &Current, _inbox: &Inbox) -> Self {
        Self {}
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// What can be told at once: a bad URL or header, no grant, a reached limit, an unknown secret.
    pub fn open_websocket(
        &self,
        _url: &str,
        _protocols: &[String],
        _headers: &[(String, HeaderValue)],
    ) -> Result<ConnectionId, NetError> {
        Err(NetError::Closed)
    }

    /// Queues messages, all or none.
    ///
    /// # Errors
    /// `Closed` for an unknown connection or one that is not open yet, `Quota` where the queue is full.
    pub fn send_messages(
        &self,
        _id: ConnectionId,
        _messages: Vec<Outgoing>,
    ) -> Result<(), NetError> {
        Err(NetError::Closed)
    }

    /// Closes a WebSocket after what is queued was sent; `ConnectionClosed` follows.
    pub fn close_websocket(&self, _id: ConnectionId, _info: CloseInfo) {}

    /// Opens a TCP connection.
    ///
    /// # Errors
    /// What can be told at once: a bad host, no grant, a reached limit.
    pub fn connect_tcp(
        &self,
        _host: &str,
        _port: u16,
        _tls: TlsMode,
    ) -> Result<ConnectionId, NetError> {
        Err(NetError::Closed)
    }

    /// Queues bytes.
    ///
    /// # Errors
    /// `Closed` for an unknown connection, `Quota` where the queue is full.
    pub fn send_bytes(&self, _id: ConnectionId, _data: Bytes) -> Result<(), NetError> {
        Err(NetError::Closed)
    }

    /// Closes a TCP connection after what is queued was sent; `ConnectionClosed` follows.
    pub fn close_tcp(&self, _id: ConnectionId) {}

    /// The open and opening connections with their URL, for the handover to a new guest.
    #[must_use]
    pub fn list(&self) -> Vec<(ConnectionId, String)> {
        Vec::new()
    }

    /// Closes all but these, without an input: their guest is gone.
    pub fn retain(&self, _adopted: &[ConnectionId]) {}

    pub(crate) fn recheck(&self) {}
}
