//! Connecting: resolve once, filter, connect to exactly those addresses.

use super::resolver::LOCALHOST;
use super::tls::Tls;
use super::{Destination, Host, Policy, Resolver, SystemResolver, Verification, address};
use crate::plugins::input::{Certificate, NetError};
use arc_swap::ArcSwap;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// How long the whole way to an open connection may take: look-up, TCP, TLS, WebSocket handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one of several addresses is tried before the next one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// So many addresses of a name are tried.
const MOST_ADDRESSES: usize = 8;

/// Bytes both ways.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection, made as the policy allows.
pub struct Stream {
    /// The bytes, plain: TLS is done below.
    pub io: Box<dyn Duplex>,
    /// The address it really leads to.
    pub peer: SocketAddr,
    /// The peer's certificate, where there is TLS.
    pub certificate: Option<Certificate>,
}

/// How guests' connections are made; shared by all instances.
#[derive(Debug)]
pub struct Network {
    own_addresses: ArcSwap<Vec<SocketAddr>>,
    resolver: Box<dyn Resolver>,
    tls: Tls,
}

impl Network {
    /// The machine's network; nobody connects to `own_addresses`, the gateway's own listeners.
    #[must_use]
    pub fn new(own_addresses: Vec<SocketAddr>) -> Self {
        Self {
            own_addresses: ArcSwap::from_pointee(own_addresses),
            resolver: Box::new(SystemResolver),
            tls: Tls::native(),
        }
    }

    /// Answers name look-ups with this.
    #[must_use]
    pub fn with_resolver(mut self, resolver: impl Resolver + 'static) -> Self {
        self.resolver = Box::new(resolver);
        self
    }

    /// Trusts these certificates instead of the operating system's.
    #[must_use]
    pub fn with_roots(mut self, roots: rustls::RootCertStore) -> Self {
        self.tls = Tls::with_roots(roots);
        self
    }

    /// The gateway's own listeners from now on.
    pub fn set_own_addresses(&self, own_addresses: Vec<SocketAddr>) {
        self.own_addresses.store(Arc::new(own_addresses));
    }

    /// Connects to a destination that the policy admits, with TLS where its scheme says so. The caller bounds the time.
    ///
    /// # Errors
    /// Whatever kept it from being open.
    pub async fn connect(
        &self,
        policy: &Policy,
        destination: &Destination,
        verification: Verification,
        protocols: &[&[u8]],
    ) -> Result<Stream, NetError> {
        let addresses = self.addresses(policy, destination).await?;
        let (tcp, peer) = connect_first(&addresses).await?;
        // Messages of devices are small and late ones are of no use.
        let _ = tcp.set_nodelay(true);
        // A peer that lost its power says nothing: found out within about two minutes.
        let probes = TcpKeepalive::new()
            .with_time(Duration::from_secs(60))
            .with_interval(Duration::from_secs(15));
        let _ = SockRef::from(&tcp).set_tcp_keepalive(&probes.with_retries(4));
        if !destination.scheme.is_tls() {
            return Ok(Stream {
                io: Box::new(tcp),
                peer,
                certificate: None,
            });
        }
        let (tls, certificate) = self
            .tls
            .wrap(
                tcp,
                &destination.host,
                verification,
                protocols,
                policy.trusted(),
            )
            .await?;
        Ok(Stream {
            io: Box::new(tls),
            peer,
            certificate,
        })
    }

    /// The addresses of a destination that may be connected to: at least one.
    async fn addresses(
        &self,
        policy: &Policy,
        destination: &Destination,
    ) -> Result<Vec<SocketAddr>, NetError> {
        let found = match &destination.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) if name == "localhost" => LOCALHOST.to_vec(),
            Host::Name(name) => self
                .resolver
                .resolve(name)
                .await
                .map_err(|error| NetError::Dns(format!("{name}: {error}")))?,
        };
        let mut refusal = NetError::Dns(format!("{} has no address", destination.host));
        let mut allowed = Vec::new();
        for address in found {
            match self.admit(policy, destination, address) {
                Ok(()) => allowed.push(SocketAddr::new(address, destination.port)),
                Err(reason) => refusal = reason,
            }
        }
        allowed.truncate(MOST_ADDRESSES);
        if allowed.is_empty() {
            Err(refusal)
        } else {
            Ok(allowed)
        }
    }

    /// Whether an address of a destination may be connected to: by the policy, and because it is not the gateway itself.
    ///
    /// # Errors
    /// `NotGranted`.
    pub(crate) fn admit(
        &self,
        policy: &Policy,
        destination: &Destination,
        address: IpAddr,
    ) -> Result<(), NetError> {
        policy.admit_address(destination, address)?;
        let address = address.to_canonical();
        let own = self.own_addresses.load();
        if own
            .iter()
            .any(|own| own.port() == destination.port && leads_to(address, own.ip()))
        {
            return Err(NetError::NotGranted(format!(
                "{destination} is the gateway itself, which no plugin connects to"
            )));
        }
        Ok(())
    }
}

/// Whether a connection to `address` reaches a listener that is bound to `own`. Nothing listens on an unspecified address, but
/// connecting to one reaches this machine.
fn leads_to(address: IpAddr, own: IpAddr) -> bool {
    let own = own.to_canonical();
    address == own
        || (own.is_unspecified() && address::is_local(address))
        || (address.is_unspecified() && address::is_local(own))
}

async fn connect_first(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), NetError> {
    let mut failure = NetError::Timeout;
    for (index, address) in addresses.iter().enumerate() {
        let last = index + 1 == addresses.len();
        let limit = if last {
            CONNECT_TIMEOUT
        } else {
            ATTEMPT_TIMEOUT
        };
        match tokio::time::timeout(limit, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => failure = net_error(&error),
            Err(_) => failure = NetError::Timeout,
        }
    }
    Err(failure)
}

/// An operating system's error, in the guests' words.
#[must_use]
pub fn net_error(error: &io::Error) -> NetError {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => NetError::Refused,
        io::ErrorKind::TimedOut => NetError::Timeout,
        io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::UnexpectedEof => NetError::Closed,
        _ => NetError::Other(error.to_string()),
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
