//! A listener's certificate: read from files, and read anew when they change. Connections that are open keep the session
//! that they have; a file that can't be used changes nothing.

use super::peer::ClientCertificate;
use crate::config::{ClientCertificates, Tls};
use arc_swap::ArcSwap;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
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
    current: Arc<ArcSwap<ServerConfig>>,
    watch: AbortHandle,
}

impl Secure {
    /// Reads the files, and watches them from then on. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A file can't be used.
    pub fn new(settings: &Tls) -> Result<Self, TlsError> {
        let seen = stamps(settings);
        let current = Arc::new(ArcSwap::new(load(settings)?));
        let watch = tokio::spawn(watch(settings.clone(), current.clone(), seen));
        Ok(Self {
            settings: settings.clone(),
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

async fn watch(settings: Tls, current: Arc<ArcSwap<ServerConfig>>, mut seen: Vec<Stamp>) {
    loop {
        tokio::time::sleep(LOOK).await;
        let (of, look) = (settings.clone(), seen.clone());
        let changed = move || {
            let now = stamps(&of);
            (now != look).then(|| (now, load(&of)))
        };
        let Ok(Some((now, loaded))) = tokio::task::spawn_blocking(changed).await else {
            continue;
        };
        seen = now;
        let certificate = settings.certificate.display();
        let outcome = match loaded {
            Ok(config) => {
                current.store(config);
                tracing::info!(%certificate, "certificate reloaded");
                "reloaded"
            }
            // Two files are rarely replaced at one moment: the next look finds the other.
            Err(error) => {
                tracing::error!(%certificate, %error, "a changed certificate can't be used; the one before stays");
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
    let files = [&settings.certificate, &settings.key]
        .into_iter()
        .chain(authority);
    let stamp = |file: &PathBuf| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.modified().ok()?, about.len()))
    };
    files.map(stamp).collect()
}

fn load(settings: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let wrong = |path: &Path, why: String| TlsError::File {
        path: path.to_path_buf(),
        why,
    };
    let chain = certificates(&settings.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&settings.key).map_err(|error| {
        wrong(
            &settings.key,
            format!("no private key can be read: {error}"),
        )
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| wrong(&settings.certificate, error.to_string()))?;
    let builder = match &settings.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider)?),
    };
    let expires = chain.first().and_then(|c| expiry(c));
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| TlsError::Mismatch {
            certificate: settings.certificate.clone(),
            why: error.to_string(),
        })?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    if let Some(expires) = expires {
        let file = settings.certificate.display().to_string();
        metrics::gauge!("hearthgate_certificate_expiry_timestamp_seconds", "file" => file)
            .set(expires as f64);
    }
    Ok(Arc::new(config))
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
