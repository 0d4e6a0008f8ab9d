//! HTTP requests of guests: HTTP/1.1, one connection a request.
//!
//! Nothing is followed: a redirect is an answer like any other, and going on is a request that the policy judges anew. So a
//! secret in a header never leaves for an origin that no grant names. Bodies are handed over as they come, not decompressed.

mod exchange;

use super::Current;
use super::egress::{Destination, Network, Scheme, Verification};
use super::headers::{self, HeaderValue};
use crate::plugins::input::{HttpResponse, Inbox, Input, NetError, RequestId};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, HOST, HeaderValue as Value};
use hyper::{Method, Request};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::AbortHandle;

/// How long an exchange may take where the guest says 0.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time an exchange may take.
pub const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A request that a guest makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `GET`, `POST`, ….
    pub method: String,
    /// `http://…` or `https://…`.
    pub url: String,
    /// Headers in their order; `host`, `content-length` and hop-by-hop ones are the host's.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body.
    pub body: Option<Bytes>,
    /// How long the whole exchange may take; 0 is 30 s, and 300 s is the most.
    pub timeout: Duration,
}

/// The HTTP client of one instance's place.
#[derive(Debug)]
pub struct HttpClient {
    network: Arc<Network>,
    rights: Current,
    inbox: Inbox,
    busy: Arc<AtomicUsize>,
    started: Arc<Mutex<BTreeMap<RequestId, AbortHandle>>>,
}

/// One of the requests that may be made at once.
#[derive(Debug)]
struct Turn(Arc<AtomicUsize>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A request that may be made.
struct Prepared {
    request: Request<Full<Bytes>>,
    destination: Destination,
    verification: Verification,
    timeout: Duration,
    turn: Turn,
}

impl HttpClient {
    pub(crate) fn new(network: &Arc<Network>, rights: &Current, inbox: &Inbox) -> Self {
        Self {
            network: network.clone(),
            rights: rights.clone(),
            inbox: inbox.clone(),
            busy: Arc::default(),
            started: Arc::default(),
        }
    }

    /// Starts a request; its end arrives as `HttpDone`.
    ///
    /// # Errors
    /// What can be told at once: a bad request, no grant, a reached limit, an unknown secret.
    pub fn start(&self, request: HttpRequest) -> Result<RequestId, NetError> {
        let prepared = self.prepare(request)?;
        let id = RequestId(NEXT_ID.fetch_add(1, Ordering::Relaxed));
        let (network, rights) = (self.network.clone(), self.rights.clone());
        let (inbox, started) = (self.inbox.clone(), self.started.clone());
        // The lock is held while the task is spawned, so that one which ends at once finds its entry to remove.
        let mut table = self.started.lock();
        let task = tokio::spawn(async move {
            let (outcome, turn) = perform(&network, &rights, prepared).await;
            inbox.deliver(Input::HttpDone(id, outcome)).await;
            // Only now: answers that wait for room in the inbox hold their bodies.
            drop(turn);
            started.lock().remove(&id);
        });
        table.insert(id, task.abort_handle());
        Ok(id)
    }

    /// Makes a request and waits for its end.
    ///
    /// # Errors
    /// Whatever went wrong; a status such as 404 or 302 is an answer, not an error.
    pub async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, NetError> {
        let prepared = self.prepare(request)?;
        perform(&self.network, &self.rights, prepared).await.0
    }

    /// Breaks off what was started; no input follows.
    pub(crate) fn close(&self) {
        for (_, task) in std::mem::take(&mut *self.started.lock()) {
            task.abort();
        }
    }

    fn prepare(&self, request: HttpRequest) -> Result<Prepared, NetError> {
        let rights = self.rights.load();
        let bad = |what: String| NetError::Protocol(what);
        let (destination, url) = Destination::of_url(&request.url, [Scheme::Http, Scheme::Https])?;
        let verification = rights.connect.admit(&destination)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .ok()
            .filter(|method| *method != Method::CONNECT)
            .ok_or_else(|| bad(format!("bad method {:?}", request.method)))?;
        let mut map = headers::build(&rights.secrets, &request.headers)?;
        let host =
            Value::from_str(&destination.authority()).map_err(|error| bad(error.to_string()))?;
        map.insert(HOST, host);
        if let Some(body) = &request.body {
            map.insert(CONTENT_LENGTH, body.len().into());
        }
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let mut ready = Request::new(Full::new(request.body.unwrap_or_default()));
        *ready.method_mut() = method;
        *ready.uri_mut() = path
            .parse()
            .map_err(|_| bad(format!("bad path {path:?}")))?;
        *ready.headers_mut() = map;
        let timeout = if request.timeout.is_zero() {
            DEFAULT_TIMEOUT
        } else {
            request.timeout
        };
        let turn = self.turn(rights.limits.http_requests)?;
        let timeout = timeout.min(LONGEST_TIMEOUT);
        Ok(Prepared {
            request: ready,
            destination,
            verification,
            timeout,
            turn,
        })
    }

    fn turn(&self, limit: usize) -> Result<Turn, NetError> {
        let turn = Turn(self.busy.clone());
        if self.busy.fetch_add(1, Ordering::AcqRel) >= limit {
            return Err(NetError::Quota(format!("{limit} HTTP requests at once")));
        }
        Ok(turn)
    }
}

impl Drop for HttpClient {
    fn drop(&mut self) {
        self.close();
    }
}

async fn perform(
    network: &Network,
    rights: &Current,
    prepared: Prepared,
) -> (Result<HttpResponse, NetError>, Turn) {
    let rights = rights.load_full();
    let Prepared {
        request,
        destination,
        verification,
        timeout,
        turn,
    } = prepared;
    let exchange = async {
        let stream = network
            .connect(&rights.connect, &destination, verification, &[b"http/1.1"])
            .await?;
        exchange::run(stream, request, rights.limits.receive_bytes).await
    };
    let ended = tokio::time::timeout(timeout, exchange).await;
    (ended.unwrap_or(Err(NetError::Timeout)), turn)
}

#[cfg(test)]
#[path = "http/http_tests.rs"]
mod tests;
