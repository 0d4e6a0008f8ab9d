//! An HTTP server that a test plays.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A server that answers everything the same way, and tells what it was asked.
pub struct HttpPeer {
    address: SocketAddr,
    asked: mpsc::Receiver<Asked>,
    server: JoinHandle<()>,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET`, ….
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The headers.
    pub headers: hyper::HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpPeer {
    /// Listens; `answer` makes each response.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start(
        answer: impl Fn(&Asked) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let (sender, asked) = mpsc::channel(1024);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, answer) = (sender.clone(), answer.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request: Request<Incoming>| {
                        let (sender, answer) = (sender.clone(), answer.clone());
                        async move { Ok::<_, Infallible>(respond(request, &sender, &answer).await) }
                    });
                    // A client that hangs up is no failure of the peer.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            asked,
            server,
        }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, with a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Waits for the next request.
    ///
    /// # Panics
    /// None comes.
    pub async fn next(&mut self) -> Asked {
        crate::wait::soon("a plugin's request", self.asked.recv())
            .await
            .expect("the peer serves")
    }

    /// A request that came and was not taken yet.
    pub fn waiting(&mut self) -> Option<Asked> {
        self.asked.try_recv().ok()
    }
}

impl Drop for HttpPeer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn respond(
    request: Request<Incoming>,
    sender: &mpsc::Sender<Asked>,
    answer: &impl Fn(&Asked) -> Response<Full<Bytes>>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let asked = Asked {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers,
        body,
    };
    let response = answer(&asked);
    // A full list means that the test does not look at it.
    let _ = sender.try_send(asked);
    response
}
