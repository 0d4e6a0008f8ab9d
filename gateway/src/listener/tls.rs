//! A listener's certificate: from files, read anew when they change, or from an ACME server. Connections that are open
//! keep the session that they have; a file that can't be used changes nothing.

use super::peer::ClientCertificate;
use crate::acme::{Acme, Held, PROOF_PROTOCOL};
use crate::config::{Certificate, Challenge, ClientCertificates, Tls};
use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, WebPkiClientVerifier};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::task::AbortHandle;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// How often the files are looked at. By time and size, which also sees links that are pointed elsewhere.
const LOOK: Duration = Duration::from_secs(1);
/// What is spoken inside: WebSocket's handshake is HTTP/1.1's.
const ALPN: &[u8] = b"http/1.1";

/// Why TLS can't be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or is not what it should be.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// TLS itself can't be set up.
    #[error("{0}")]
    Setup(String),
    /// The files don't fit together.
    #[error("{}: {why}", certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// TLS of a listener, as it stands. The files are watched until it is dropped.
#[derive(Debug)]
pub struct Secure {
    settings: Tls,
    source: Source,
    current: Arc<ArcSwap<ServerConfig>>,
    watch: AbortHandle,
}

/// Where the certificate comes from while it is served.
#[derive(Debug, Clone)]
enum Source {
    /// Files; the configuration names them.
    Files,
    /// An order, and what answers the server that wants a proof.
    Acme(Arc<Held>, Acme),
}

impl Secure {
    /// Reads the files, and watches them from then on; or has a certificate ordered. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// A file can't be used.
    pub fn new(settings: &Tls, acme: &Acme) -> Result<Self, TlsError> {
        let source = match settings.acme() {
            None => Source::Files,
            Some((names, challenge)) => {
                Source::Acme(acme.certificate(names, challenge), acme.clone())
            }
        };
        let seen = stamps(settings);
        let current = Arc::new(ArcSwap::new(load(settings, &source)?));
        let watch = watch(settings.clone(), source.clone(), current.clone(), seen);
        let watch = tokio::spawn(watch);
        Ok(Self {
            settings: settings.clone(),
            source,
            current,
            watch: watch.abort_handle(),
        })
    }

    /// What it was made from.
    #[must_use]
    pub fn settings(&self) -> &Tls {
        &self.settings
    }

    /// What the next handshake is made with.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// Whether an ACME server may ask for a proof here, which has to be seen before the handshake is answered.
    #[must_use]
    pub fn proves(&self) -> bool {
        matches!(self.settings.acme(), Some((_, Challenge::TlsAlpn01)))
    }

    /// What a handshake is answered with that offers the protocol of proofs alone (RFC 8737, section 3). `None`: it is
    /// a client's.
    #[must_use]
    pub fn proof(&self, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let Source::Acme(_, acme) = &self.source else {
            return None;
        };
        let mut protocols = hello.alpn()?;
        if protocols.next() != Some(PROOF_PROTOCOL) || protocols.next().is_some() {
            return None;
        }
        acme.challenges().proof(hello.server_name()?)
    }

    /// Who a client is by its certificate, which the handshake has verified.
    #[must_use]
    pub fn client(&self, session: &ServerConnection) -> Option<ClientCertificate> {
        let roles = &self.settings.clients.as_ref()?.roles;
        let certificate = session.peer_certificates()?.first()?;
        client(certificate, roles)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

async fn watch(
    settings: Tls,
    source: Source,
    current: Arc<ArcSwap<ServerConfig>>,
    mut seen: Vec<Stamp>,
) {
    loop {
        tokio::time::sleep(LOOK).await;
        let (of, source, look) = (settings.clone(), source.clone(), seen.clone());
        let changed = move || {
            let now = stamps(&of);
            (now != look).then(|| (now, load(&of, &source)))
        };
        let Ok(Some((now, loaded))) = tokio::task::spawn_blocking(changed).await else {
            continue;
        };
        seen = now;
        let certificate = settings.certificate.to_string();
        let outcome = match loaded {
            Ok(config) => {
                current.store(config);
                tracing::info!(certificate, "certificate reloaded");
                "reloaded"
            }
            // Two files are rarely replaced at one moment: the next look finds the other.
            Err(error) => {
                tracing::error!(certificate, %error, "a changed certificate can't be used; the one before stays");
                "refused"
            }
        };
        metrics::counter!("hearthgate_certificate_reloads_total", "outcome" => outcome)
            .increment(1);
    }
}

/// What shows that a file is another one.
type Stamp = Option<(SystemTime, u64)>;

fn stamps(settings: &Tls) -> Vec<Stamp> {
    let authority = settings.clients.as_ref().map(|c| &c.authority);
    let own = match &settings.certificate {
        Certificate::Files { chain, key } => vec![chain, key],
        Certificate::Acme { .. } => Vec::new(),
    };
    let files = own.into_iter().chain(authority);
    let stamp = |file: &PathBuf| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.map(stamp).collect()
}

/// Whether the files of a listener can be used.
///
/// # Errors
/// The key of the table that names the file, and what is wrong with it.
pub fn check(settings: &Tls) -> Result<(), (&'static str, String)> {
    // What an ACME server is to make is not there yet.
    let Certificate::Files { chain, key } = &settings.certificate else {
        return Ok(());
    };
    let error = match load(settings, &Source::Files) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let place = match &error {
        TlsError::File { path, .. } if path == chain => "certificate",
        TlsError::File { path, .. } if path == key => "key",
        TlsError::File { .. } | TlsError::Setup(_) => "client-ca",
        TlsError::Mismatch { certificate, why } => {
            let (key, certificate) = (key.display(), certificate.display());
            return Err((
                "key",
                format!("{key} does not belong to the certificate {certificate}: {why}"),
            ));
        }
    };
    Err((place, error.to_string()))
}

fn load(settings: &Tls, source: &Source) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| TlsError::Setup(error.to_string()))?;
    let builder = match &settings.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider)?),
    };
    let mut config = match (&settings.certificate, source) {
        (Certificate::Files { chain, key }, _) => {
            let (certificates, secret) = read(chain, key)?;
            let expires = certificates.first().and_then(|c| expiry(c));
            let config = builder.with_single_cert(certificates, secret);
            let config = config.map_err(|error| TlsError::Mismatch {
                certificate: chain.clone(),
                why: error.to_string(),
            })?;
            if let Some(expires) = expires {
                let file = chain.display().to_string();
                metrics::gauge!("hearthgate_certificate_expiry_timestamp_seconds", "file" => file)
                    .set(expires as f64);
            }
            config
        }
        (Certificate::Acme { .. }, Source::Acme(held, _)) => {
            builder.with_cert_resolver(held.current())
        }
        (Certificate::Acme { .. }, Source::Files) => {
            unreachable!("the source is made from the certificate's settings")
        }
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(Arc::new(config))
}

fn read(
    chain: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let certificates = certificates(chain)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::File {
        path: key.to_path_buf(),
        why: format!("no private key can be read: {error}"),
    })?;
    Ok((certificates, key))
}

fn verifier(
    clients: &ClientCertificates,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn rustls::server::danger::ClientCertVerifier>, TlsError> {
    let wrong = |why: String| TlsError::File {
        path: clients.authority.clone(),
        why,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&clients.authority)? {
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match clients.required {
        true => builder,
        false => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| wrong(error.to_string()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |why: String| TlsError::File {
        path: path.to_path_buf(),
        why,
    };
    let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let chain = read.collect::<Result<Vec<_>, _>>();
    match chain.map_err(|error| wrong(error.to_string()))? {
        none if none.is_empty() => Err(wrong("there is no certificate in it".to_owned())),
        chain => Ok(chain),
    }
}

fn expiry(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

/// The common name, else the first alternative name that is a text.
fn client(certificate: &CertificateDer<'_>, roles: &[String]) -> Option<ClientCertificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let common = parsed.subject().iter_common_name().next();
    let common = common
        .and_then(|name| name.as_str().ok())
        .map(str::to_owned);
    let subject = common.filter(|name| !name.is_empty()).or_else(|| {
        let names = parsed.subject_alternative_name().ok()??;
        names
            .value
            .general_names
            .iter()
            .find_map(|name| match name {
                GeneralName::DNSName(text)
                | GeneralName::URI(text)
                | GeneralName::RFC822Name(text) => Some((*text).to_owned()),
                _ => None,
            })
    })?;
    Some(ClientCertificate {
        subject,
        roles: roles.to_vec(),
        serial: parsed.raw_serial_as_string(),
        not_after: u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0),
    })
}
