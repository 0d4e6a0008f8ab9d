//! What comes before HTTP on a new socket: the PROXY protocol's header, the TLS handshake. Both in bounded time.

use super::peer::{ClientCertificate, Peer};
use super::tls::Secure;
use super::{Settings, proxy};
use crate::shard::Wire;
use rustls::server::Acceptor;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

/// Takes a socket to where HTTP can begin. `None`: it can't, which is counted.
pub async fn arrive(
    settings: &Settings,
    mut stream: TcpStream,
    address: SocketAddr,
) -> Option<(Wire, Peer)> {
    let mut address = address;
    if settings.proxies.proxy_protocol && settings.proxies.trusts(address.ip()) {
        let header = proxy::read(&mut stream);
        match in_time(settings.head_timeout, header).await {
            Ok(said) => address = said.unwrap_or(address),
            Err(error) => return failed("proxy", address, &error),
        }
    }
    let Some(secure) = &settings.tls else {
        return Some((Wire::from(stream), Peer::from(address)));
    };
    let handshake = handshake(secure, stream);
    match in_time(settings.tls_timeout, handshake).await {
        Ok(None) => None,
        Ok(Some((wire, certificate))) => {
            let certificate = certificate.map(Arc::new);
            Some((
                wire,
                Peer {
                    address,
                    certificate,
                },
            ))
        }
        Err(error) => failed("tls", address, &error),
    }
}

/// `None`: it was an ACME server, which has seen what it wanted.
async fn handshake(
    secure: &Secure,
    stream: TcpStream,
) -> io::Result<Option<(Wire, Option<ClientCertificate>)>> {
    let accepted = match secure.proves() {
        false => TlsAcceptor::from(secure.config()).accept(stream).await?,
        true => {
            let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            if let Some(proof) = secure.proof(&begun.client_hello()) {
                // RFC 8737, section 3: nothing is said inside.
                begun.into_stream(proof).await?.shutdown().await?;
                tracing::debug!("an ACME server was shown a proof");
                return Ok(None);
            }
            begun.into_stream(secure.config()).await?
        }
    };
    let (stream, session) = accepted.into_inner();
    let certificate = secure.client(&session);
    Ok(Some((Wire::tls(stream, session), certificate)))
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    // Boxed: the task of an open connection is not as large as what came before it.
    match timeout(limit, Box::pin(work)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn failed<T>(which: &'static str, address: SocketAddr, error: &io::Error) -> Option<T> {
    metrics::counter!("hearthgate_handshakes_failed_total", "which" => which).increment(1);
    tracing::debug!(which, peer = %address, %error, "a connection ended before HTTP began");
    None
}
