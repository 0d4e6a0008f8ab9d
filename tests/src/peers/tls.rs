//! A TLS server that a test plays, with a certificate that only those trust who are told to.

use super::TcpPeer;
use crate::wait;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A TLS server that answers by itself.
pub struct Answering {
    /// Its address.
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("the key is the certificate's");
    TlsAcceptor::from(Arc::new(config))
}

/// Answers each request on a connection, as far as requests have no body.
async fn respond(mut stream: TlsStream<TcpStream>, words: &str) -> std::io::Result<()> {
    let mut heard = Vec::new();
    let mut byte = [0];
    while stream.read_exact(&mut byte).await.is_ok() {
        heard.extend(byte);
        if heard.ends_with(b"\r\n\r\n") {
            heard.clear();
            let length = words.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{words}");
            stream.write_all(answer.as_bytes()).await?;
            stream.flush().await?;
        }
    }
    Ok(())
}

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
        Self {
            listener: TcpPeer::start().await,
            acceptor: acceptor(made.cert.der().clone(), key.into()),
            certificate: made.cert.pem(),
        }
    }

    /// Listens, with a certificate for `127.0.0.1` that ends in so many days, or has ended, and that an authority of its
    /// own has signed.
    ///
    /// # Panics
    /// There is no free port.
    pub async fn ending_in(days: i32) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let key = || KeyPair::generate().expect("a key can be made");
        let authority_key = key();
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = authority
            .self_signed(&authority_key)
            .expect("a certificate can be made");
        let issuer = Issuer::new(authority, authority_key);
        let names = vec!["127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("an address");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        let (now, span) = (SystemTime::now(), DAY * days.unsigned_abs());
        let end = if days < 0 { now - span } else { now + span };
        params.not_after = end.into();
        let own = key();
        let made = params
            .signed_by(&own, &issuer)
            .expect("a certificate can be made");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.serialize_der());
        Self {
            listener: TcpPeer::start().await,
            acceptor: acceptor(made.der().clone(), key.into()),
            certificate: root.pem(),
        }
    }

    /// Answers every connection: after the handshake each request with `200` and these words, until it is dropped.
    pub fn answer(self, words: &'static str) -> Answering {
        let address = self.address();
        let task = tokio::spawn(async move {
            loop {
                let stream = self.listener.accept().await;
                let acceptor = self.acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _gone = respond(stream, words).await;
                    }
                });
            }
        });
        Answering { address, task }
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
