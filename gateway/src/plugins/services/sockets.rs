//! Sockets that guests open: WebSockets, TCP and TLS.
//!
//! Opening returns an id at once; `ConnectionOpened` or `ConnectionFailed` follows as an input. What is sent before that
//! waits. An open connection ends with exactly one `ConnectionClosed`, unless its guest is gone ([`Sockets::retain`]).
//!
//! Each connection is one task. It reads only while the inbox has room, so a slow guest closes the peer's TCP window.
//! What a guest sends is queued, at most `limits.receive_bytes` and 256 calls of it; more is refused with `Quota`.

mod link;
mod tcp;
mod websocket;

pub use super::headers::HeaderValue;

use super::Current;
use super::egress::{Destination, Network, Scheme, Verification};
use super::headers;
use super::secrets::template::Escape;
use crate::plugins::input::{CloseInfo, ConnectionId, Inbox, NetError};
use bytes::Bytes;
use link::{Kind, Link, Parcel, Payload, Socket};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tungstenite::Message;

/// Ids are unique while the gateway runs: one that a guest kept for too long names nobody else's connection.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Longest reason of a close frame, in bytes (RFC 6455, section 5.5).
const LONGEST_REASON: usize = 123;

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

pub(crate) type Table = Arc<Mutex<BTreeMap<ConnectionId, Link>>>;

/// The sockets of one instance's place.
#[derive(Debug)]
pub struct Sockets {
    network: Arc<Network>,
    rights: Current,
    inbox: Inbox,
    table: Table,
}

impl Sockets {
    pub(crate) fn new(network: &Arc<Network>, rights: &Current, inbox: &Inbox) -> Self {
        Self {
            network: network.clone(),
            rights: rights.clone(),
            inbox: inbox.clone(),
            table: Table::default(),
        }
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// What can be told at once: a bad URL or header, no grant, a reached limit, an unknown secret.
    pub fn open_websocket(
        &self,
        url: &str,
        protocols: &[String],
        headers: &[(String, HeaderValue)],
    ) -> Result<ConnectionId, NetError> {
        let rights = self.rights.load();
        let (destination, url) = Destination::of_url(url, [Scheme::Ws, Scheme::Wss])?;
        let verification = rights.connect.admit(&destination)?;
        let headers = headers::build(&rights.secrets, headers)?;
        let request = websocket::request(&url, &destination, protocols, headers)?;
        self.start(
            url.to_string(),
            destination,
            verification,
            Kind::WebSocket(Box::new(request)),
        )
    }

    /// Queues messages, all or none.
    ///
    /// # Errors
    /// `Closed` for an unknown connection, `Quota` where the queue is full, `Protocol` for one that is no WebSocket,
    /// or what is wrong with a secret.
    pub fn send_messages(&self, id: ConnectionId, messages: Vec<Outgoing>) -> Result<(), NetError> {
        let rights = self.rights.load();
        let mut filling = rights.secrets.filling(rights.limits.receive_bytes);
        let ready = |message| {
            Ok(match message {
                Outgoing::Text(text) => Message::text(text),
                Outgoing::Binary(bytes) => Message::Binary(bytes),
                Outgoing::TextTemplate(template) => {
                    let text = filling.expand(&template, Escape::Json);
                    Message::text(text.map_err(|error| headers::refused(&error))?.expose())
                }
            })
        };
        let messages: Vec<Message> = messages
            .into_iter()
            .map(ready)
            .collect::<Result<_, NetError>>()?;
        self.send(id, Payload::Messages(messages))
    }

    /// Closes a WebSocket after what is queued was sent; `ConnectionClosed` follows. A code that may not stand in a close
    /// frame (RFC 6455, section 7.4) becomes 1000, and a reason that is too long for one is cut.
    pub fn close_websocket(&self, id: ConnectionId, mut info: CloseInfo) {
        if !matches!(info.code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            info.code = 1000;
        }
        info.reason
            .truncate(info.reason.floor_char_boundary(LONGEST_REASON));
        if let Some(link) = self.table.lock().get_mut(&id) {
            link.close(info);
        }
    }

    /// Opens a TCP connection.
    ///
    /// # Errors
    /// What can be told at once: a bad host, no grant, a reached limit.
    pub fn connect_tcp(
        &self,
        host: &str,
        port: u16,
        tls: TlsMode,
    ) -> Result<ConnectionId, NetError> {
        let rights = self.rights.load();
        let destination = Destination::of_host(host, port, tls != TlsMode::None)?;
        rights.connect.admit(&destination)?;
        let verification = match tls {
            TlsMode::None | TlsMode::Verified => Verification::Required,
            TlsMode::Unverified => {
                rights.connect.admit_unverified(&destination)?;
                Verification::Waived
            }
        };
        self.start(
            destination.to_string(),
            destination,
            verification,
            Kind::Tcp,
        )
    }

    /// Queues bytes.
    ///
    /// # Errors
    /// `Closed` for an unknown connection, `Quota` where the queue is full, `Protocol` for a WebSocket.
    pub fn send_bytes(&self, id: ConnectionId, data: Bytes) -> Result<(), NetError> {
        self.send(id, Payload::Bytes(data))
    }

    /// Closes a TCP connection after what is queued was sent; `ConnectionClosed` follows.
    pub fn close_tcp(&self, id: ConnectionId) {
        self.close_websocket(
            id,
            CloseInfo {
                code: 1000,
                reason: String::new(),
            },
        );
    }

    /// The open and opening connections with their URL, for the handover to a new guest.
    #[must_use]
    pub fn list(&self) -> Vec<(ConnectionId, String)> {
        let table = self.table.lock();
        table
            .iter()
            .map(|(id, link)| (*id, link.url.clone()))
            .collect()
    }

    /// Closes all but these, at once and without an input: their guest is gone.
    pub fn retain(&self, adopted: &[ConnectionId]) {
        self.table.lock().retain(|id, link| {
            let keep = adopted.contains(id);
            if !keep {
                link.abort();
            }
            keep
        });
    }

    /// Closes what the rights in force don't allow any more; the guest is told.
    pub(crate) fn recheck(&self) {
        let rights = self.rights.load();
        for link in self.table.lock().values_mut() {
            if link.is_withdrawn(&rights.connect, &self.network) {
                let reason = "no longer granted".to_owned();
                link.close(CloseInfo { code: 1001, reason });
            }
        }
    }

    fn send(&self, id: ConnectionId, payload: Payload) -> Result<(), NetError> {
        let limit = self.rights.load().limits.receive_bytes;
        let table = self.table.lock();
        let link = table.get(&id).ok_or(NetError::Closed)?;
        link.send(Parcel::new(payload), limit)
    }

    fn start(
        &self,
        url: String,
        destination: Destination,
        verification: Verification,
        kind: Kind,
    ) -> Result<ConnectionId, NetError> {
        let limit = self.rights.load().limits.connections;
        // The lock is held while the task is spawned, so that one which ends at once finds its entry to remove.
        let mut table = self.table.lock();
        if table.len() >= limit {
            return Err(NetError::Quota(format!("{limit} connections")));
        }
        let id = ConnectionId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let socket = Socket {
            id,
            network: self.network.clone(),
            rights: self.rights.clone(),
            inbox: self.inbox.clone(),
            table: self.table.clone(),
            destination,
            verification,
            peer: Arc::default(),
        };
        table.insert(id, socket.start(url, kind));
        Ok(id)
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.retain(&[]);
    }
}

#[cfg(test)]
#[path = "sockets/socket_tests.rs"]
mod tests;
