//! The HTTP client that the library asks its server with. The library's own would bring HTTP/2 and a licence that is
//! not allowed; and this one remembers what the library does not hand on: the status and `Retry-After` of a refusal.

use super::error::AcmeError;
use crate::config::acme::Acme as Settings;
use bytes::Bytes;
use http_body_util::Limited;
use hyper::header::{HeaderMap, RETRY_AFTER};
use hyper::{Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::timeout;

/// Longest time until an answer begins.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer: a chain of certificates is the longest.
const MAX_BODY: usize = 1024 * 1024;

/// The client, and what was refused last.
#[derive(Clone)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    refusal: Arc<Mutex<Option<Refusal>>>,
}

/// An answer that was no success.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    /// Its status.
    pub status: StatusCode,
    /// When to come back.
    pub retry_after: Option<SystemTime>,
}

impl Http {
    /// Reads the trusted certificates: not work for the runtime's threads.
    pub(super) fn new(settings: &Settings) -> Result<Self, AcmeError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
        if let Some(path) = &settings.authority {
            trust(&mut roots, path)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| AcmeError::Here(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let builder = HttpsConnectorBuilder::new().with_tls_config(config);
        // The directory names the other addresses: one that is asked securely must not lead to others.
        let builder = match settings.directory.starts_with("https:") {
            true => builder.https_only(),
            false => builder.https_or_http(),
        };
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(builder.enable_http1().build()),
            refusal: Arc::default(),
        })
    }

    /// The last answer, where it was a refusal.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        *self.refusal.lock()
    }
}

fn trust(roots: &mut RootCertStore, path: &Path) -> Result<(), AcmeError> {
    let wrong = |why: String| AcmeError::Here(format!("acme.ca: {}: {why}", path.display()));
    let read = CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    let mut any = false;
    for certificate in read {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        let added = roots.add(certificate);
        added.map_err(|error| wrong(error.to_string()))?;
        any = true;
    }
    match any {
        true => Ok(()),
        false => Err(wrong("there is no certificate in it".to_owned())),
    }
}

/// Whether a file holds certificates that can be trusted.
///
/// # Errors
/// What is wrong with it.
pub fn check_authority(path: &Path) -> Result<(), String> {
    trust(&mut RootCertStore::empty(), path).map_err(|error| error.to_string())
}

impl HttpClient for Http {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let asked = self.client.request(request);
        let refusal = self.refusal.clone();
        Box::pin(async move {
            let response = match timeout(TIMEOUT, asked).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return Err(Error::Other(Box::new(error))),
                Err(_) => return Err(Error::Other(format!("no answer within {TIMEOUT:?}").into())),
            };
            let status = response.status();
            *refusal.lock() = (!status.is_success()).then(|| Refusal {
                status,
                retry_after: retry_after(response.headers(), SystemTime::now()),
            });
            Ok(response.map(|body| Limited::new(body, MAX_BODY)).into())
        })
    }
}

/// RFC 9110, section 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<SystemTime> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return now.checked_add(Duration::from_secs(seconds));
    }
    Some(OffsetDateTime::parse(text, &Rfc2822).ok()?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::UNIX_EPOCH;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let check = |text: &str, expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().expect("a value"));
            let found = retry_after(&headers, now);
            let expected = expected.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
            assert_eq!(found, expected, "{text}");
        };
        check("120", Some(1_120));
        check(" 0 ", Some(1_000));
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("99999999999999999999", None);
        check("soon", None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}
