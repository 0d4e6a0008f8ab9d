//! The other end of a connection, as far as the connection itself tells.

use std::net::SocketAddr;
use std::sync::Arc;

/// The other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address; behind a proxy that speaks the PROXY protocol, the one that the proxy says.
    pub address: SocketAddr,
    /// Its certificate, where it has one that is trusted.
    pub certificate: Option<Arc<ClientCertificate>>,
}

/// A client's certificate, whose signature and validity the TLS handshake has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Who it says that the client is: the common name, else the first alternative name.
    pub subject: String,
    /// What it is allowed as, by the configuration.
    pub roles: Vec<String>,
    /// Its serial number, in hexadecimal.
    pub serial: String,
    /// When it ends, in seconds since 1970.
    pub not_after: u64,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            certificate: None,
        }
    }
}
