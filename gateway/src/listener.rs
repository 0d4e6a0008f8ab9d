//! Listeners: an accept loop for each address, and HTTP/1.1 on what it accepts.
//!
//! What a listener holds is bounded: at most `MAX_WAITING` sockets that have not become a WebSocket yet (then the
//! oldest silent one is closed for each that comes), small buffers, and a deadline for each request's headers.

mod arrival;
pub mod peer;
mod proxy;
#[cfg(test)]
mod tests;
pub mod tls;
mod waiting;

pub use peer::Peer;
pub use waiting::Requests;

use crate::acme::Acme;
use crate::config::{self, Proxies};
use crate::connection::Io;
use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tls::{Secure, TlsError};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waiting::{Entry, Place, Waiting};

/// Sockets that the kernel accepts before we do.
const BACKLOG: u32 = 4096;
/// Most sockets of one listener that have not become a WebSocket yet.
const MAX_WAITING: usize = 4096;
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// What a socket is told for which there is no room. Nothing was read from it.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
/// How long to wait where the process has no file descriptor left: until then nothing can be accepted.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// What answers the requests of a listener.
pub trait Answer: Send + Sync + 'static {
    /// Answers one request.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
}

/// What holds for the sockets that are accepted from now on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Longest time for the headers of a request, and for a PROXY header.
    pub head_timeout: Duration,
    /// Longest time for a TLS handshake.
    pub tls_timeout: Duration,
    /// Most bytes of a request's head; at least 8 KiB, hyper's smallest buffer.
    pub max_head: usize,
    /// TLS. `None`: plain.
    pub tls: Option<Arc<Secure>>,
    /// Proxies in front.
    pub proxies: Proxies,
}

impl Settings {
    /// Those of a client listener, with the certificates that are kept already, if any. To be called within a runtime.
    ///
    /// # Errors
    /// Its certificate can't be used.
    pub fn of(
        listener: &config::Listener,
        secure: Option<Arc<Secure>>,
        acme: &Acme,
    ) -> Result<Self, TlsError> {
        let tls = match (secure, &listener.tls) {
            (None, Some(tls)) => Some(Arc::new(Secure::new(tls, acme)?)),
            (secure, _) => secure,
        };
        Ok(Self {
            head_timeout: listener.handshake_timeout,
            tls_timeout: listener.tls_handshake_timeout,
            max_head: listener.max_head_bytes,
            tls,
            proxies: listener.proxies.clone(),
        })
    }

    /// Plain ones, with the limits that hold where a listener says nothing else.
    #[must_use]
    pub fn plain(connections: &config::Connections) -> Self {
        Self {
            head_timeout: connections.handshake_timeout,
            tls_timeout: connections.tls_handshake_timeout,
            max_head: connections.max_head_bytes,
            tls: None,
            proxies: Proxies::default(),
        }
    }
}

/// A bound address that is not served yet. Binding first lets a start fail before anything runs.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

impl Bound {
    /// Binds an address; port 0 takes a free one. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// What the operating system says: in use, not ours, not allowed.
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A restart must not wait for the last connections' TIME_WAIT.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address with its real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves it from now on.
    pub fn serve<A: Answer>(self, answer: Arc<A>, settings: Settings) -> Listening {
        self.serve_at_most(MAX_WAITING, answer, settings)
    }

    fn serve_at_most<A: Answer>(
        self,
        most: usize,
        answer: Arc<A>,
        settings: Settings,
    ) -> Listening {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let settings = Arc::new(ArcSwap::from_pointee(settings));
        let server = Server {
            answer,
            settings: settings.clone(),
            stop: stop.clone(),
            tasks: tasks.clone(),
            waiting: Waiting::new(most),
        };
        tasks.spawn(server.run(self.listener));
        Listening {
            address: self.address,
            settings,
            stop,
            tasks,
        }
    }
}

/// A listener that is served.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    settings: Arc<ArcSwap<Settings>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Listening {
    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What holds for the sockets that are accepted.
    #[must_use]
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Serves the sockets that are accepted from now on by other settings.
    pub fn apply(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// Accepts nothing more and closes the socket; requests under way are answered, WebSockets live on.
    pub fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Waits until the requests that were under way at [`Listening::close`] are answered.
    pub async fn closed(&self) {
        self.tasks.wait().await;
    }
}

fn http(settings: &Settings) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.head_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(settings.max_head)
        .pipeline_flush(true);
    http
}

struct Server<A> {
    answer: Arc<A>,
    settings: Arc<ArcSwap<Settings>>,
    stop: CancellationToken,
    tasks: TaskTracker,
    waiting: Arc<Waiting>,
}

impl<A: Answer> Server<A> {
    async fn run(self, listener: TcpListener) {
        while let Some((stream, peer)) = self.accept(&listener).await {
            let Some(place) = self.place(&stream) else {
                continue;
            };
            self.tasks.spawn(self.connection(stream, peer, place));
        }
    }

    /// A place among those who wait; `None`, with an answer, where there is none.
    fn place(&self, stream: &TcpStream) -> Option<Place> {
        let count = |what: &'static str| {
            metrics::counter!("hearthgate_sockets_refused_total", "which" => what).increment(1);
        };
        match self.waiting.enter() {
            Entry::Free(place) => Some(place),
            Entry::Instead(place) => {
                count("oldest");
                Some(place)
            }
            Entry::Full => {
                count("newest");
                // As much as the empty socket takes: nobody waits for this client.
                let _ = stream.try_write(NO_ROOM);
                None
            }
        }
    }

    /// The next socket; `None` when the listener is closed.
    async fn accept(&self, listener: &TcpListener) -> Option<(TcpStream, SocketAddr)> {
        let accepted = metrics::counter!("hearthgate_sockets_accepted_total");
        loop {
            let result = tokio::select! {
                result = listener.accept() => result,
                () = self.stop.cancelled() => return None,
            };
            match result {
                Ok((stream, peer)) => {
                    accepted.increment(1);
                    // Frames are written whole, so waiting for more to fill a packet only delays them.
                    let _ = stream.set_nodelay(true);
                    return Some((stream, peer));
                }
                Err(error) => self.refused(&error).await,
            }
        }
    }

    /// An error of accept: one connection's own trouble, or the process has no descriptors left.
    async fn refused(&self, error: &io::Error) {
        metrics::counter!("hearthgate_accept_errors_total").increment(1);
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                tracing::error!(%error, "can't accept connections: raise the limit of open files (LimitNOFILE, ulimit -n)");
                tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
            }
            _ => tracing::debug!(%error, "a connection ended before it was accepted"),
        }
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        place: Place,
    ) -> impl Future<Output = ()> + Send + 'static {
        let answer = self.answer.clone();
        let settings = self.settings.load_full();
        let stop = self.stop.clone();
        async move {
            let arrival = tokio::select! {
                arrival = arrival::arrive(&settings, stream, peer) => arrival,
                () = place.leave() => return,
                () = stop.cancelled() => return,
            };
            let Some((wire, peer)) = arrival else { return };
            let address = peer.address;
            let requests = place.requests();
            let service = service_fn(move |mut request: Request<Incoming>| {
                let (answer, peer) = (answer.clone(), peer.clone());
                // A request whose body is still to come is but a promise: until whoever reads it has all of it, the socket
                // may have to make room.
                let asked = request.body().is_end_stream().then(|| requests.begin());
                request.extensions_mut().insert(requests.clone());
                async move {
                    let response = answer.answer(request, peer).await;
                    drop(asked);
                    Ok::<_, Infallible>(response)
                }
            });
            let io: Io = TokioIo::new(wire);
            let connection = http(&settings).serve_connection(io, service);
            drop(settings);
            let mut connection = pin!(connection.with_upgrades());
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = place.leave() => return,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
                tracing::debug!(peer = %address, %error, "an HTTP connection ended early");
            }
        }
    }
}
