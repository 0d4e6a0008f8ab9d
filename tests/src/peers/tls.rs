//! A TLS server that a test plays, with a certificate that only those trust who are told to.

use super::TcpPeer;
use crate::wait;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// A listening TLS server at 127.0.0.1; the test takes each connection.
pub struct TlsPeer {
    listener: TcpPeer,
    acceptor: TlsAcceptor,
    certificate: String,
}

impl TlsPeer {
    /// Listens, with a new certificate for `127.0.0.1`.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn start() -> Self {
        let names = vec!["127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .expect("the key is the certificate's");
        Self {
            listener: TcpPeer::start().await,
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate: made.cert.pem(),
        }
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Writes its certificate to a file, for `SSL_CERT_FILE`.
    ///
    /// # Panics
    /// The file can't be written.
    pub fn write_certificate(&self, file: &Path) {
        std::fs::write(file, &self.certificate).expect("a certificate can be written");
    }

    /// Waits for the next connection and does the handshake.
    ///
    /// # Errors
    /// The plugin's side does not trust the certificate.
    pub async fn accept(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.listener.accept().await;
        wait::soon("a TLS handshake", self.acceptor.accept(stream)).await
    }
}
