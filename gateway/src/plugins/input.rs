//! What arrives at a source: inputs, and the inbox through which they come.

use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Most bytes that wait in an inbox, whatever its capacity: a server that answers with megabytes could otherwise pin
/// gigabytes while its plugin is slow, or waits to be started again.
const MOST_WAITING: usize = 8 << 20;
/// What is counted: an input of a few bytes costs its envelope.
const UNIT: usize = 256;

/// A socket that a guest opened; unique while the gateway runs, so it can outlive the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// A timer that a guest set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId(pub u64);

/// A request of or to a guest whose answer comes later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// A WebSocket message, received or ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WsMessage {
    /// A text frame.
    Text(String),
    /// A binary frame.
    Binary(Bytes),
}

/// The certificate of a TLS peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject, as in RFC 4514.
    pub subject: String,
    /// Its issuer, as in RFC 4514.
    pub issuer: String,
    /// Milliseconds since the Unix epoch.
    pub not_before: u64,
    /// Milliseconds since the Unix epoch.
    pub not_after: u64,
}

/// What is known of a socket once it is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The address it really leads to.
    pub peer: String,
    /// The WebSocket subprotocol that the server selected.
    pub protocol: Option<String>,
    /// The peer's certificate, where there is TLS.
    pub certificate: Option<Certificate>,
}

/// Why a network request of a guest failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// No grant names the destination.
    #[error("not granted: {0}")]
    NotGranted(String),
    /// The name has no address.
    #[error("name not resolved: {0}")]
    Dns(String),
    /// Nothing listens there.
    #[error("connection refused")]
    Refused,
    /// Too slow.
    #[error("timed out")]
    Timeout,
    /// The TLS handshake or the certificate.
    #[error("TLS: {0}")]
    Tls(String),
    /// A limit of the plugin is reached.
    #[error("limit reached: {0}")]
    Quota(String),
    /// The other side breaks its protocol, or the guest asked for something that is none.
    #[error("protocol: {0}")]
    Protocol(String),
    /// The connection is closed or unknown.
    #[error("closed")]
    Closed,
    /// Anything else, in the operating system's words.
    #[error("{0}")]
    Other(String),
}

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseInfo {
    /// A WebSocket close code (RFC 6455, section 7.4); 1006 where the peer sent none.
    pub code: u16,
    /// The peer's words.
    pub reason: String,
}

/// An answer to an HTTP request of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// The headers in their order.
    pub headers: Vec<(String, String)>,
    /// The body, up to the limit.
    pub body: Bytes,
    /// Whether the body was longer than the limit.
    pub truncated: bool,
}

/// One thing that happened, for a source.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A timer ran out.
    Timer(TimerId, String),
    /// A socket is open.
    ConnectionOpened(ConnectionId, Opened),
    /// WebSocket messages arrived.
    WsMessages(ConnectionId, Vec<WsMessage>),
    /// Bytes arrived.
    TcpData(ConnectionId, Bytes),
    /// A socket was closed, by either side.
    ConnectionClosed(ConnectionId, CloseInfo),
    /// A socket could not be opened.
    ConnectionFailed(ConnectionId, NetError),
    /// An HTTP request ended.
    HttpDone(RequestId, Result<HttpResponse, NetError>),
    /// Lines of a followed file: path, lines, and the cursor behind them.
    FileLines(String, Vec<String>, String),
    /// A watched file changed.
    FileChanged(String),
}

impl Input {
    /// Roughly what it holds, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let strings = |texts: &[String]| texts.iter().map(|t| t.len() + 32).sum();
        match self {
            Self::WsMessages(_, messages) => messages.iter().map(WsMessage::weight).sum(),
            Self::TcpData(_, data) => data.len(),
            Self::HttpDone(_, Ok(response)) => {
                let headers = response.headers.iter();
                let headers: usize = headers.map(|(n, v)| n.len() + v.len() + 64).sum();
                headers + response.body.len()
            }
            Self::FileLines(path, lines, cursor) => {
                let lines: usize = strings(lines);
                path.len() + cursor.len() + lines
            }
            Self::Timer(_, text) | Self::FileChanged(text) => text.len(),
            Self::ConnectionOpened(..)
            | Self::ConnectionClosed(..)
            | Self::ConnectionFailed(..)
            | Self::HttpDone(_, Err(_)) => 512,
        }
    }
}

impl WsMessage {
    fn weight(&self) -> usize {
        32 + match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

/// An input and its share of what may wait.
type Parcel = (Input, OwnedSemaphorePermit);

/// The way into a source's bounded mailbox. A full one makes the deliverer wait: a socket is then not read
/// (the peer's TCP window closes), a followed file is not read on. Belongs to the instance's place, not to
/// the guest, so inputs that arrive during a reload wait for the new one.
#[derive(Debug, Clone)]
pub struct Inbox {
    parcels: mpsc::Sender<Parcel>,
    room: Arc<Semaphore>,
}

/// Room for one input.
pub struct Place<'a> {
    share: OwnedSemaphorePermit,
    permit: mpsc::Permit<'a, Parcel>,
}

impl Place<'_> {
    /// Delivers; never waits.
    pub fn put(self, input: Input) {
        self.permit.send((input, self.share));
    }
}

/// The other end of an [`Inbox`].
#[derive(Debug)]
pub struct Inputs(mpsc::Receiver<Parcel>);

impl Inbox {
    /// An inbox that holds so many inputs, and at most 8 MiB of them; and its other end.
    #[must_use]
    pub fn new(capacity: usize) -> (Self, Inputs) {
        let (parcels, receiver) = mpsc::channel(capacity);
        let room = Arc::new(Semaphore::new(MOST_WAITING / UNIT));
        (Self { parcels, room }, Inputs(receiver))
    }

    /// Delivers an input, waiting for room. `false`: the instance is gone.
    pub async fn deliver(&self, input: Input) -> bool {
        let place = self.place_for(&input).await;
        place.map(|place| place.put(input)).is_some()
    }

    /// Waits for room for an input. `None`: the instance is gone.
    pub async fn place_for(&self, input: &Input) -> Option<Place<'_>> {
        // One that is larger than all the room takes all of it, or it would wait for ever.
        let units = input.weight().div_ceil(UNIT).clamp(1, MOST_WAITING / UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        let share = tokio::select! {
            share = self.room.clone().acquire_many_owned(units) => share,
            () = self.parcels.closed() => return None,
        };
        let (share, permit) = (share.ok()?, self.parcels.reserve().await.ok()?);
        Some(Place { share, permit })
    }
}

impl Inputs {
    /// The next input; `None` when nobody can deliver any more.
    pub async fn recv(&mut self) -> Option<Input> {
        self.0.recv().await.map(|(input, _)| input)
    }

    /// The next input, where one waits.
    ///
    /// # Errors
    /// None waits, or nobody can deliver any more.
    pub fn try_recv(&mut self) -> Result<Input, TryRecvError> {
        self.0.try_recv().map(|(input, _)| input)
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_waits_is_bounded_in_bytes_too() {
        let (inbox, mut inputs) = Inbox::new(1000);
        let megabytes = |n: usize| Input::TcpData(ConnectionId(1), vec![0; n << 20].into());
        let filler = inbox.clone();
        let mut filling = tokio::spawn(async move {
            for _ in 0..20 {
                filler.deliver(megabytes(1)).await;
            }
            filler.deliver(megabytes(100)).await;
        });
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(inputs.len(), MOST_WAITING >> 20, "and no more");
        for _ in 0..20 {
            inputs.recv().await.expect("a megabyte");
        }
        let last = inputs.recv().await.expect("also what is larger than all");
        assert_eq!(last.weight(), 100 << 20);
        (&mut filling).await.expect("delivered");
        drop(inputs);
        assert!(!inbox.deliver(megabytes(1)).await, "gone");
    }
}
