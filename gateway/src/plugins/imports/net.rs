//! `websocket` and `tcp`: sockets that the host drives.

use crate::plugins::bindings::host::net::{
    self, CloseInfo, HeaderValue, NetError, TlsMode, WsMessage,
};
use crate::plugins::bindings::host::{tcp, websocket};
use crate::plugins::context::Context;
use crate::plugins::convert;
use crate::plugins::input::{self, ConnectionId};
use crate::plugins::services::sockets;
use bytes::Bytes;

impl net::Host for Context {}

impl Context {
    /// While a guest is stopped, what it opened would be left to the one after it, which knows nothing of it.
    pub(super) fn may_open(&self) -> Result<(), NetError> {
        if self.retired {
            return Err(NetError::Other("the plugin is being stopped".to_owned()));
        }
        Ok(())
    }

    /// Translates, and counts and logs what was denied.
    pub(super) fn net_error(&self, error: input::NetError) -> NetError {
        match &error {
            input::NetError::NotGranted(reason) => self.place.denied(reason),
            input::NetError::Quota(what) => self.place.over_limit(what),
            _ => {}
        }
        convert::net_error(&error)
    }
}

/// The guest's headers, for a service.
pub(super) fn headers(headers: Vec<(String, HeaderValue)>) -> Vec<(String, sockets::HeaderValue)> {
    let value = |value| match value {
        HeaderValue::Plain(text) => sockets::HeaderValue::Plain(text),
        HeaderValue::Template(text) => sockets::HeaderValue::Template(text),
    };
    headers
        .into_iter()
        .map(|(name, v)| (name, value(v)))
        .collect()
}

impl websocket::Host for Context {
    async fn open(
        &mut self,
        url: String,
        protocols: Vec<String>,
        given: Vec<(String, HeaderValue)>,
    ) -> wasmtime::Result<Result<u64, NetError>> {
        if let Err(error) = self.may_open() {
            return Ok(Err(error));
        }
        let sockets = &self.place.services.sockets;
        let opened = sockets.open_websocket(&url, &protocols, &headers(given));
        Ok(opened.map(|id| id.0).map_err(|e| self.net_error(e)))
    }

    async fn send(
        &mut self,
        connection: u64,
        messages: Vec<WsMessage>,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let outgoing = |message| match message {
            WsMessage::Text(text) => sockets::Outgoing::Text(text),
            WsMessage::Binary(bytes) => sockets::Outgoing::Binary(bytes.into()),
            WsMessage::TextTemplate(text) => sockets::Outgoing::TextTemplate(text),
        };
        let messages = messages.into_iter().map(outgoing).collect();
        let sent = self
            .place
            .services
            .sockets
            .send_messages(ConnectionId(connection), messages);
        Ok(sent.map_err(|e| self.net_error(e)))
    }

    async fn close(&mut self, connection: u64, info: CloseInfo) -> wasmtime::Result<()> {
        if self.retired {
            return Ok(());
        }
        let info = input::CloseInfo {
            code: info.code,
            reason: info.reason,
        };
        self.place
            .services
            .sockets
            .close_websocket(ConnectionId(connection), info);
        Ok(())
    }
}

impl tcp::Host for Context {
    async fn connect(
        &mut self,
        host: String,
        port: u16,
        tls: TlsMode,
    ) -> wasmtime::Result<Result<u64, NetError>> {
        if let Err(error) = self.may_open() {
            return Ok(Err(error));
        }
        let tls = match tls {
            TlsMode::None => sockets::TlsMode::None,
            TlsMode::Verified => sockets::TlsMode::Verified,
            TlsMode::Unverified => sockets::TlsMode::Unverified,
        };
        let opened = self.place.services.sockets.connect_tcp(&host, port, tls);
        Ok(opened.map(|id| id.0).map_err(|e| self.net_error(e)))
    }

    async fn send(
        &mut self,
        connection: u64,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<(), NetError>> {
        let data = Bytes::from(data);
        let sent = self
            .place
            .services
            .sockets
            .send_bytes(ConnectionId(connection), data);
        Ok(sent.map_err(|e| self.net_error(e)))
    }

    async fn close(&mut self, connection: u64) -> wasmtime::Result<()> {
        if self.retired {
            return Ok(());
        }
        self.place
            .services
            .sockets
            .close_tcp(ConnectionId(connection));
        Ok(())
    }
}
