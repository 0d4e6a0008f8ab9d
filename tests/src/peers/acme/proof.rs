//! Looks for the proof that a name leads to whom asks for its certificate, as a server does.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// `id-pe-acmeIdentifier` (RFC 8737, section 6.1).
const ACME_IDENTIFIER: &str = "1.3.6.1.5.5.7.1.31";

/// What has to be found.
pub(super) struct Proof {
    pub name: String,
    pub token: String,
    pub authorization: String,
}

impl Proof {
    /// RFC 8555, section 8.3.
    pub(super) async fn over_http(&self, place: SocketAddr) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect(place).await.map_err(text)?;
        let Self { name, token, .. } = self;
        let request = format!(
            "GET /.well-known/acme-challenge/{token} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.map_err(text)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.map_err(text)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        match head.starts_with("HTTP/1.1 200 ") && body == self.authorization {
            true => Ok(()),
            false => Err(format!("the answer is {answer:?}")),
        }
    }

    /// RFC 8737, section 3.
    pub(super) async fn over_tls(&self, place: SocketAddr) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let stream = TcpStream::connect(place).await.map_err(text)?;
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Any(provider)))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let name = ServerName::try_from(self.name.clone()).map_err(|e| e.to_string())?;
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await.map_err(text)?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(b"acme-tls/1") {
            return Err("acme-tls/1 was not taken".to_owned());
        }
        let shown = session.peer_certificates().and_then(|chain| chain.first());
        self.check(shown.ok_or("there is no certificate")?)?;
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest).await.map_err(text)?;
        match read {
            0 => Ok(()),
            _ => Err("something was said inside".to_owned()),
        }
    }

    fn check(&self, shown: &CertificateDer<'_>) -> Result<(), String> {
        let (_, shown) = X509Certificate::from_der(shown).map_err(|error| error.to_string())?;
        let names = shown.subject_alternative_name().ok().flatten();
        let names = names.ok_or("it has no names")?;
        let only = [GeneralName::DNSName(&self.name)];
        if names.value.general_names != only {
            return Err(format!("it is for {:?}", names.value.general_names));
        }
        let mut extensions = shown.extensions().iter();
        let proof = extensions.find(|one| one.oid.to_id_string() == ACME_IDENTIFIER);
        let proof = proof.ok_or("it has no proof")?;
        // An octet string of 32 bytes, in DER.
        let mut expected = vec![0x04, 0x20];
        expected.extend(Sha256::digest(&self.authorization));
        match proof.critical && proof.value == expected {
            true => Ok(()),
            false => Err("its proof is another's".to_owned()),
        }
    }
}

/// Takes any certificate: what it says is the question.
#[derive(Debug)]
struct Any(Arc<CryptoProvider>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General(
            "only TLS 1.3 is asked for".to_owned(),
        ))
    }

    /// By the bare key: the verifier for certificates refuses the critical extension, which is the point here.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let (_, read) = X509Certificate::from_der(certificate)
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        let key = SubjectPublicKeyInfoDer::from(read.public_key().raw);
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature_with_raw_key(message, &key, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
