//! What arrives at a source: inputs, and the inbox through which they come.

use bytes::Bytes;
use tokio::sync::mpsc;

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

/// The way into a source's bounded mailbox. A full one makes the deliverer wait: a socket is then not read
/// (the peer's TCP window closes), a followed file is not read on. Belongs to the instance's place, not to
/// the guest, so inputs that arrive during a reload wait for the new one.
#[derive(Debug, Clone)]
pub struct Inbox(mpsc::Sender<Input>);

impl Inbox {
    /// An inbox that holds so many inputs, and its other end.
    #[must_use]
    pub fn new(capacity: usize) -> (Self, mpsc::Receiver<Input>) {
        let (sender, receiver) = mpsc::channel(capacity);
        (Self(sender), receiver)
    }

    /// Delivers an input, waiting for room. `false`: the instance is gone.
    pub async fn deliver(&self, input: Input) -> bool {
        self.0.send(input).await.is_ok()
    }

    /// Delivers an input if there is room at once: for ticks, which may be missed.
    #[must_use]
    pub fn try_deliver(&self, input: Input) -> bool {
        self.0.try_send(input).is_ok()
    }
}
