//! TLS as clients of the gateway speak it: an authority of the test's own, its certificates, and WebSocket over TLS.

use crate::wait;
use futures_util::{SinkExt, StreamExt};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension};

/// Who signs certificates.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate and its key.
pub struct Signed {
    der: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

/// The key of a request: a point on P-256.
struct RequestedKey(Vec<u8>);

impl rcgen::PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// A WebSocket client over TLS.
pub struct SecureClient {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    next_id: u64,
    /// The greeting's data.
    pub welcome: Value,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    /// No key can be made.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.self_signed(&key).expect("a certificate can be made");
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Writes its certificate to a file.
    ///
    /// # Panics
    /// The file can't be written.
    pub fn write(&self, file: &Path) {
        std::fs::write(file, &self.pem).expect("a certificate can be written");
    }

    /// A certificate for `localhost`, or for a client of this name.
    ///
    /// # Panics
    /// None can be made.
    #[must_use]
    pub fn sign(&self, name: Option<&str>) -> Signed {
        let hosts = match name {
            None => vec!["localhost".to_owned()],
            Some(_) => Vec::new(),
        };
        let mut params = CertificateParams::new(hosts).expect("a name");
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        let key = KeyPair::generate().expect("a key can be made");
        let signed = params
            .signed_by(&key, &self.issuer)
            .expect("a certificate can be made");
        Signed {
            der: signed.der().clone(),
            pem: signed.pem(),
            key,
        }
    }

    /// Signs a certificate signing request for these names: the chain as PEM, down from the certificate.
    ///
    /// # Errors
    /// It can't be read, or asks for other names.
    pub fn sign_request(
        &self,
        request: &[u8],
        names: &[String],
        lifetime: Duration,
    ) -> Result<String, String> {
        let (_, request) =
            X509CertificationRequest::from_der(request).map_err(|e| e.to_string())?;
        let extensions = request.requested_extensions().into_iter().flatten();
        let mut asked = Vec::new();
        for extension in extensions {
            if let ParsedExtension::SubjectAlternativeName(alternative) = extension {
                asked.extend(
                    alternative
                        .general_names
                        .iter()
                        .filter_map(|name| match name {
                            GeneralName::DNSName(name) => Some((*name).to_owned()),
                            _ => None,
                        }),
                );
            }
        }
        asked.sort();
        if asked != names {
            return Err(format!("it asks for {asked:?} and not for {names:?}"));
        }
        let mut params = CertificateParams::new(asked).map_err(|error| error.to_string())?;
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.not_before = time::OffsetDateTime::now_utc();
        params.not_after = params.not_before + lifetime;
        let key = &request.certification_request_info.subject_pki;
        let key = RequestedKey(key.subject_public_key.data.to_vec());
        let signed = params.signed_by(&key, &self.issuer);
        let signed = signed.map_err(|error| error.to_string())?;
        Ok(format!("{}{}", signed.pem(), self.pem))
    }

    /// A client's side that trusts this authority.
    ///
    /// # Panics
    /// rustls can't be set up.
    #[must_use]
    pub fn connector(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Signed>,
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("ring speaks TLS")
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(vec![own.der.clone()], own.key())
                .expect("the key is the certificate's"),
        };
        TlsConnector::from(Arc::new(config))
    }
}

impl Signed {
    /// Writes it and its key to two files, each in one step, as those who renew certificates do.
    ///
    /// # Panics
    /// A file can't be written.
    pub fn write(&self, certificate: &Path, key: &Path) {
        for (path, text) in [
            (key, self.key.serialize_pem()),
            (certificate, self.pem.clone()),
        ] {
            let partial = path.with_extension("partial");
            std::fs::write(&partial, text).expect("a file can be written");
            std::fs::rename(partial, path).expect("a file can be renamed");
        }
    }

    /// The certificate.
    #[must_use]
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der()).into()
    }
}

/// Connects with TLS to `localhost` at this address.
///
/// # Errors
/// The handshake's.
pub async fn connect(
    connector: &TlsConnector,
    stream: TcpStream,
) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("localhost").expect("a name");
    wait::soon("a TLS handshake", connector.connect(name, stream)).await
}

impl SecureClient {
    /// Connects, and takes the greeting.
    ///
    /// # Errors
    /// The TLS handshake's, or WebSocket's.
    pub async fn open(connector: &TlsConnector, address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|e| e.to_string())?;
        Self::over(connector, stream).await
    }

    /// The same over a socket that the test prepared.
    ///
    /// # Errors
    /// The TLS handshake's, or WebSocket's.
    pub async fn over(connector: &TlsConnector, stream: TcpStream) -> Result<Self, String> {
        let stream = connect(connector, stream)
            .await
            .map_err(|e| e.to_string())?;
        let handshake = tokio_tungstenite::client_async("wss://localhost/ws", stream);
        let opened = wait::soon("a WebSocket handshake", handshake).await;
        let (socket, _) = opened.map_err(|e| e.to_string())?;
        let mut client = Self {
            socket,
            next_id: 1,
            welcome: Value::Null,
        };
        let greeting = client.next().await.ok_or("no greeting")?;
        client.welcome = greeting["data"].clone();
        Ok(client)
    }

    /// The certificate that the gateway showed.
    ///
    /// # Panics
    /// It showed none.
    #[must_use]
    pub fn shown(&self) -> CertificateDer<'static> {
        let (_, session) = self.socket.get_ref().get_ref();
        let shown = session.peer_certificates().expect("a server shows one");
        shown[0].clone().into_owned()
    }

    /// Sends a message.
    ///
    /// # Panics
    /// The connection is gone.
    pub async fn send(&mut self, message: Message) {
        wait::soon("a send", self.socket.send(message))
            .await
            .expect("it is open");
    }

    /// Sends a command, and returns the next text.
    ///
    /// # Panics
    /// The connection ends.
    pub async fn command(&mut self, kind: &str, data: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let text = json!({ "type": kind, "id": id, "data": data }).to_string();
        self.send(Message::text(text)).await;
        loop {
            let frame = self.next().await.expect("an answer");
            if frame["id"] == id {
                return frame;
            }
        }
    }

    /// The next message of any kind. `None`: the connection ended.
    pub async fn message(&mut self) -> Option<Message> {
        wait::soon("a message", self.socket.next()).await?.ok()
    }

    /// The next text as JSON. `None`: the connection ended.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            match self.message().await? {
                Message::Text(text) => return serde_json::from_str(&text).ok(),
                Message::Close(_) => return None,
                _ => {}
            }
        }
    }
}
