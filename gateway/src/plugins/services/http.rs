//! HTTP requests of guests.

use super::Current;
use super::egress::Network;
use super::sockets::HeaderValue;
use crate::plugins::input::{HttpResponse, Inbox, NetError, RequestId};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

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
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// The HTTP client of one instance's place.
#[derive(Debug)]
pub struct HttpClient {}

impl HttpClient {
    pub(crate) fn new(_network: &Arc<Network>, _rights: &Current, _inbox: &Inbox) -> Self {
        Self {}
    }

    /// Starts a request; its end arrives as `HttpDone`.
    ///
    /// # Errors
    /// What can be told at once: a bad request, no grant, a reached limit, an unknown secret.
    pub fn start(&self, _request: HttpRequest) -> Result<RequestId, NetError> {
        Err(NetError::Closed)
    }

    /// Makes a request and waits for its end.
    ///
    /// # Errors
    /// Whatever went wrong; a status such as 404 or 302 is an answer, not an error.
    pub async fn fetch(&self, _request: HttpRequest) -> Result<HttpResponse, NetError> {
        Err(NetError::Closed)
    }

    pub(crate) fn close(&self) {}
}
