//! Listeners: an accept loop for each address, and HTTP/1.1 on what it accepts.
//!
//! What a listener holds is bounded: at most `MAX_WAITING` sockets that have not become a WebSocket yet
//! (then the kernel's backlog holds the rest), small buffers, and a deadline for each request's headers.

use crate::connection::Io;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
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
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Sockets that the kernel accepts before we do.
const BACKLOG: u32 = 4096;
/// Most sockets of one listener that have not become a WebSocket yet.
const MAX_WAITING: usize = 4096;
/// Largest request head; hyper's smallest buffer is 8 KiB.
const MAX_HEAD: usize = 16 * 1024;
/// Most headers of a request.
const MAX_HEADERS: usize = 64;
/// How long to wait where the process has no file descriptor left: until then nothing can be accepted.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(200);

/// What answers the requests of a listener.
pub trait Answer: Send + Sync + 'static {
    /// Answers one request.
    fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send;
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
    pub fn serve<A: Answer>(self, answer: Arc<A>, head_timeout: Duration) -> Listening {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let http = http(head_timeout);
        let server = Server {
            answer,
            http,
            stop: stop.clone(),
            tasks: tasks.clone(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        };
        tasks.spawn(server.run(self.listener));
        Listening {
            address: self.address,
            stop,
            tasks,
        }
    }
}

/// A listener that is served.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Listening {
    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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

fn http(head_timeout: Duration) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(head_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        .pipeline_flush(true);
    http
}

struct Server<A> {
    answer: Arc<A>,
    http: http1::Builder,
    stop: CancellationToken,
    tasks: TaskTracker,
    waiting: Arc<Semaphore>,
}

impl<A: Answer> Server<A> {
    async fn run(self, listener: TcpListener) {
        while let Some((stream, peer)) = self.accept(&listener).await {
            let permit = tokio::select! {
                permit = self.waiting.clone().acquire_owned() => permit,
                () = self.stop.cancelled() => return,
            };
            let Ok(permit) = permit else { return };
            let connection = self.connection(stream, peer);
            self.tasks.spawn(async move {
                connection.await;
                drop(permit);
            });
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
    ) -> impl Future<Output = ()> + Send + 'static {
        let answer = self.answer.clone();
        let service = service_fn(move |request| {
            let answer = answer.clone();
            async move { Ok::<_, Infallible>(answer.answer(request, peer).await) }
        });
        let io: Io = TokioIo::new(stream);
        let connection = self.http.serve_connection(io, service).with_upgrades();
        let stop = self.stop.clone();
        async move {
            let mut connection = pin!(connection);
            let result = tokio::select! {
                result = connection.as_mut() => result,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = result {
                tracing::debug!(%peer, %error, "an HTTP connection ended early");
            }
        }
    }
}
