//! One connection: the handle that the table keeps, and the task behind it.

use super::{Table, tcp, websocket};
use crate::plugins::input::{CloseInfo, ConnectionId, Inbox, Input, NetError, Opened};
use crate::plugins::services::Current;
use crate::plugins::services::egress::dial::CONNECT_TIMEOUT;
use crate::plugins::services::egress::{Destination, Network, Policy, Stream, Verification};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tungstenite::Message;
use tungstenite::handshake::client::Request;

/// So many calls of `send` wait at most.
const QUEUED_PARCELS: usize = 256;
/// How long a close waits for the other side, and a failed writer for what was received before.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is spoken over a connection.
#[derive(Debug)]
pub(super) enum Kind {
    /// WebSocket, with its handshake's request.
    WebSocket(Box<Request>),
    /// Bytes.
    Tcp,
}

/// What one call of `send` hands over.
#[derive(Debug)]
pub(super) enum Payload {
    Messages(Vec<Message>),
    Bytes(Bytes),
}

/// A payload with its weight in the queue.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) payload: Payload,
    weight: usize,
}

impl Parcel {
    pub(super) fn new(payload: Payload) -> Self {
        let weight = match &payload {
            Payload::Messages(messages) => messages.iter().map(|m| m.len() + 16).sum(),
            Payload::Bytes(bytes) => bytes.len(),
        };
        Self { payload, weight }
    }
}

/// The handle of a connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) url: String,
    destination: Destination,
    verification: Verification,
    /// The address that it leads to, once it is connected.
    peer: Arc<OnceLock<SocketAddr>>,
    websocket: bool,
    queue: Arc<AtomicUsize>,
    state: State,
    task: AbortHandle,
}

#[derive(Debug)]
enum State {
    Live {
        outgoing: mpsc::Sender<Parcel>,
        closing: oneshot::Sender<CloseInfo>,
    },
    Closing,
}

impl Link {
    /// Whether the rights in force would not let it be opened any more: its destination, a certificate that was not
    /// verified, or the address that its name led to.
    pub(super) fn is_withdrawn(&self, policy: &Policy, network: &Network) -> bool {
        let waived = self.verification == Verification::Waived;
        policy.admit(&self.destination).is_err()
            || (waived && policy.admit_unverified(&self.destination).is_err())
            || self
                .peer
                .get()
                .is_some_and(|peer| network.admit(policy, &self.destination, peer.ip()).is_err())
    }

    /// Queues a parcel where there is room.
    pub(super) fn send(&self, parcel: Parcel, limit: usize) -> Result<(), NetError> {
        let State::Live { outgoing, .. } = &self.state else {
            return Err(NetError::Closed);
        };
        if self.websocket != matches!(parcel.payload, Payload::Messages(_)) {
            return Err(NetError::Protocol(
                "a connection of the other kind".to_owned(),
            ));
        }
        let weight = parcel.weight;
        let queued = self.queue.fetch_add(weight, Ordering::AcqRel);
        let full = || NetError::Quota(format!("{limit} bytes wait to be sent"));
        let sent = if queued + weight > limit {
            Err(full())
        } else {
            outgoing.try_send(parcel).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => full(),
                mpsc::error::TrySendError::Closed(_) => NetError::Closed,
            })
        };
        if sent.is_err() {
            self.queue.fetch_sub(weight, Ordering::AcqRel);
        }
        sent
    }

    /// Closes in order: the queue ends, and its end is answered with a close.
    pub(super) fn close(&mut self, info: CloseInfo) {
        if let State::Live { closing, .. } = std::mem::replace(&mut self.state, State::Closing) {
            let _ = closing.send(info);
        }
    }

    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

/// The parcels that wait, from the task's side.
pub(super) struct Queue {
    parcels: mpsc::Receiver<Parcel>,
    queued: Arc<AtomicUsize>,
    weight: usize,
    closing: oneshot::Receiver<CloseInfo>,
}

impl Queue {
    /// The next parcel; `None` once the guest closed and all was taken. What was taken before counts as sent then.
    pub(super) async fn next(&mut self) -> Option<Payload> {
        self.queued
            .fetch_sub(std::mem::take(&mut self.weight), Ordering::AcqRel);
        let parcel = self.parcels.recv().await?;
        self.weight = parcel.weight;
        Some(parcel.payload)
    }

    /// With what words the guest closed, after the end of the queue.
    pub(super) fn farewell(&mut self) -> CloseInfo {
        let normal = CloseInfo {
            code: 1000,
            reason: String::new(),
        };
        self.closing.try_recv().unwrap_or(normal)
    }

    /// Whether nothing waits: the moment to flush.
    pub(super) fn is_empty(&self) -> bool {
        self.parcels.is_empty()
    }
}

/// How the writing side ended.
pub(super) enum Written {
    /// The guest closed, and the other side was told so.
    Closed(CloseInfo),
    /// Writing failed.
    Failed(CloseInfo),
}

/// Runs both sides to their end. Once writing ended, reading has [`CLOSE_TIMEOUT`] left.
pub(super) async fn both(
    reading: impl Future<Output = CloseInfo>,
    writing: impl Future<Output = Written>,
) -> CloseInfo {
    tokio::pin!(reading);
    let written = tokio::select! {
        info = &mut reading => return info,
        written = writing => written,
    };
    let rest = tokio::time::timeout(CLOSE_TIMEOUT, reading).await;
    match (written, rest) {
        (Written::Closed(own), _) => own,
        (Written::Failed(_), Ok(theirs)) => theirs,
        (Written::Failed(own), Err(_)) => own,
    }
}

/// An open connection, ready to be driven.
enum Open {
    WebSocket(Box<websocket::Socket>),
    Tcp(Stream),
}

/// All that the task of a connection needs.
pub(super) struct Socket {
    pub(super) id: ConnectionId,
    pub(super) network: Arc<Network>,
    pub(super) rights: Current,
    pub(super) inbox: Inbox,
    pub(super) table: Table,
    pub(super) destination: Destination,
    pub(super) verification: Verification,
    /// Told to the handle as soon as it is known.
    pub(super) peer: Arc<OnceLock<SocketAddr>>,
}

impl Socket {
    /// Starts the task.
    pub(super) fn start(self, url: String, kind: Kind) -> Link {
        let (outgoing, parcels) = mpsc::channel(QUEUED_PARCELS);
        let (closing, closed) = oneshot::channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let queue = Queue {
            parcels,
            queued: queued.clone(),
            weight: 0,
            closing: closed,
        };
        let websocket = matches!(kind, Kind::WebSocket(_));
        let (destination, verification) = (self.destination.clone(), self.verification);
        let peer = self.peer.clone();
        let task = tokio::spawn(self.run(kind, queue)).abort_handle();
        Link {
            url,
            destination,
            verification,
            peer,
            websocket,
            queue: queued,
            state: State::Live { outgoing, closing },
            task,
        }
    }

    async fn run(self, kind: Kind, mut queue: Queue) {
        let end = match self.open(kind, &mut queue).await {
            Ok((open, opened)) => {
                self.inbox
                    .deliver(Input::ConnectionOpened(self.id, opened))
                    .await;
                let limit = self.rights.load().limits.receive_bytes;
                let info = match open {
                    Open::WebSocket(socket) => {
                        websocket::drive(*socket, self.id, &self.inbox, queue, limit).await
                    }
                    Open::Tcp(stream) => tcp::drive(stream, self.id, &self.inbox, queue).await,
                };
                Input::ConnectionClosed(self.id, info)
            }
            Err(end) => end,
        };
        // Out of the table first: a guest that is told may open the next one at once.
        self.table.lock().remove(&self.id);
        self.inbox.deliver(end).await;
    }

    /// Opens, unless the guest closes meanwhile or it takes too long.
    async fn open(&self, kind: Kind, queue: &mut Queue) -> Result<(Open, Opened), Input> {
        let opening = tokio::time::timeout(CONNECT_TIMEOUT, self.connect(kind));
        tokio::select! {
            opened = opening => match opened {
                Ok(Ok(open)) => Ok(open),
                Ok(Err(error)) => Err(Input::ConnectionFailed(self.id, error)),
                Err(_) => Err(Input::ConnectionFailed(self.id, NetError::Timeout)),
            },
            Ok(info) = &mut queue.closing => Err(Input::ConnectionClosed(self.id, info)),
        }
    }

    async fn connect(&self, kind: Kind) -> Result<(Open, Opened), NetError> {
        let rights = self.rights.load_full();
        let protocols: &[&[u8]] = match &kind {
            Kind::WebSocket(_) => &[b"http/1.1"],
            Kind::Tcp => &[],
        };
        let network = &self.network;
        let connected = network.connect(
            &rights.connect,
            &self.destination,
            self.verification,
            protocols,
        );
        let mut stream = connected.await?;
        // First told, then held against the rights of now: whoever changes them does it in the other order.
        let _ = self.peer.set(stream.peer);
        let now = self.rights.load_full();
        network.admit(&now.connect, &self.destination, stream.peer.ip())?;
        let mut opened = Opened {
            peer: stream.peer.to_string(),
            protocol: None,
            certificate: stream.certificate.take(),
        };
        match kind {
            Kind::Tcp => Ok((Open::Tcp(stream), opened)),
            Kind::WebSocket(request) => {
                let limit = rights.limits.receive_bytes;
                let (socket, protocol) = websocket::handshake(*request, stream, limit).await?;
                opened.protocol = protocol;
                Ok((Open::WebSocket(Box::new(socket)), opened))
            }
        }
    }
}
