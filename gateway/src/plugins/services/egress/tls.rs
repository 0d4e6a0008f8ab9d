//! TLS for guests' connections: the host's, so no guest sees a key, and verified unless a grant waives that.

use super::{Host, Verification};
use crate::plugins::input::{Certificate, NetError};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The two ways to treat certificates, each set up when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Tls {
    roots: OnceCell<Arc<RootCertStore>>,
}

impl Tls {
    /// Trusts what the operating system trusts.
    pub(super) fn native() -> Self {
        Self::default()
    }

    /// Trusts these only.
    pub(super) fn with_roots(roots: RootCertStore) -> Self {
        Self {
            roots: OnceCell::new_with(Some(Arc::new(roots))),
        }
    }

    /// Speaks TLS over a connection.
    pub(super) async fn wrap(
        &self,
        tcp: TcpStream,
        host: &Host,
        verification: Verification,
        protocols: &[&[u8]],
        trusted: &[CertificateDer<'static>],
    ) -> Result<(TlsStream<TcpStream>, Option<Certificate>), NetError> {
        let mut config = self.config(verification, trusted).await?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let name = match host {
            Host::Name(name) => ServerName::try_from(name.clone())
                .map_err(|error| NetError::Tls(error.to_string()))?,
            Host::Address(address) => ServerName::IpAddress((*address).into()),
        };
        let connected = TlsConnector::from(Arc::new(config))
            .connect(name, tcp)
            .await;
        let stream = connected.map_err(|error| NetError::Tls(error.to_string()))?;
        let (_, session) = stream.get_ref();
        let certificate = session
            .peer_certificates()
            .and_then(|chain| read_certificate(chain.first()?));
        Ok((stream, certificate))
    }

    async fn config(
        &self,
        verification: Verification,
        trusted: &[CertificateDer<'static>],
    ) -> Result<ClientConfig, NetError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| NetError::Tls(error.to_string()))?;
        Ok(match verification {
            Verification::Required => {
                let mut roots = self.roots.get_or_init(load_native_roots).await.clone();
                if !trusted.is_empty() {
                    let more = Arc::make_mut(&mut roots);
                    more.add_parsable_certificates(trusted.iter().cloned());
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
            Verification::Waived => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
                .with_no_client_auth(),
        })
    }
}

/// Reads a PEM file of certificates.
///
/// # Errors
/// Says which file, and what is wrong with it.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |why: String| format!("tls-ca: {}: {why}", path.display());
    let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| failed(error.to_string()))?;
    if found.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in &found {
        let added = roots.add(certificate.clone());
        added.map_err(|error| failed(error.to_string()))?;
    }
    Ok(found)
}

async fn load_native_roots() -> Arc<RootCertStore> {
    let load = || {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some trusted certificates of the system can't be read");
        }
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            tracing::warn!(
                "the system trusts no certificate: no verified TLS connection of a plugin will succeed"
            );
        }
        roots
    };
    Arc::new(
        tokio::task::spawn_blocking(load)
            .await
            .unwrap_or_else(|_| RootCertStore::empty()),
    )
}

/// What a certificate says, where it can be read at all.
fn read_certificate(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let millis = |time: x509_parser::time::ASN1Time| {
        u64::try_from(time.timestamp())
            .unwrap_or(0)
            .saturating_mul(1000)
    };
    Some(Certificate {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        not_before: millis(certificate.validity().not_before),
        not_after: millis(certificate.validity().not_after),
    })
}

/// Takes any certificate, but the peer must own its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
