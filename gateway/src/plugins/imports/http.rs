//! `http`: requests that the host makes.

use super::net::headers;
use crate::plugins::bindings::host::http::Host;
use crate::plugins::bindings::host::net::{HttpRequest, HttpResponse, NetError};
use crate::plugins::context::Context;
use crate::plugins::convert;
use crate::plugins::input::NetError as NoAnswer;
use crate::plugins::services::http;
use bytes::Bytes;
use std::time::Duration;

fn request(request: HttpRequest) -> http::HttpRequest {
    http::HttpRequest {
        method: request.method,
        url: request.url,
        headers: headers(request.headers),
        body: request.body.map(Bytes::from),
        timeout: Duration::from_millis(request.timeout),
    }
}

impl Host for Context {
    async fn start(&mut self, given: HttpRequest) -> wasmtime::Result<Result<u64, NetError>> {
        if let Err(error) = self.may_open() {
            return Ok(Err(error));
        }
        let started = self.place.services.http.start(request(given));
        Ok(started.map(|id| id.0).map_err(|e| self.net_error(e)))
    }

    async fn fetch(
        &mut self,
        given: HttpRequest,
    ) -> wasmtime::Result<Result<HttpResponse, NetError>> {
        let patience = self.patience();
        let fetch = self.place.services.http.fetch(request(given));
        let fetched = tokio::time::timeout(patience, fetch).await;
        Ok(match fetched.unwrap_or(Err(NoAnswer::Timeout)) {
            Ok(response) => Ok(convert::http_response(&response)),
            Err(error) => Err(self.net_error(error)),
        })
    }
}
