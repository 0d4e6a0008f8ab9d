//! A certificate that was issued, with its key, as it is kept and as it is served.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};
use zeroize::Zeroizing;

/// A chain and its key: one text, so that they are exchanged in one step.
pub(super) struct Issued {
    pem: Zeroizing<String>,
    key: Arc<CertifiedKey>,
    validity: Validity,
}

/// From when until when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    /// Its first moment.
    pub from: SystemTime,
    /// Its last one.
    pub until: SystemTime,
}

impl Issued {
    /// Reads what was kept, or what has come: the key must be the certificate's, and the names all in it.
    pub(super) fn new(pem: Zeroizing<String>, names: &[String]) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|error| format!("no certificate can be read: {error}"))?;
        let first = chain.first().ok_or("there is no certificate in it")?;
        let (_, read) = X509Certificate::from_der(first)
            .map_err(|error| format!("the certificate can't be read: {error}"))?;
        check_names(&read, names)?;
        let moment = |seconds: i64| {
            UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        };
        let validity = Validity {
            from: moment(read.validity().not_before.timestamp()),
            until: moment(read.validity().not_after.timestamp()),
        };
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| format!("no private key can be read: {error}"))?;
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(chain, key, &provider)
            .map_err(|error| format!("the key and the certificate don't fit: {error}"))?;
        Ok(Self {
            pem,
            key: Arc::new(key),
            validity,
        })
    }

    /// As it is kept.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// As it is served.
    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        self.key.clone()
    }

    /// When it holds.
    pub(super) fn validity(&self) -> Validity {
        self.validity
    }
}

fn check_names(certificate: &X509Certificate<'_>, names: &[String]) -> Result<(), String> {
    let found = certificate.subject_alternative_name();
    let found = found.map_err(|error| format!("the certificate's names can't be read: {error}"))?;
    let found = found.map(|found| found.value.general_names.iter());
    let found: Vec<_> = found
        .into_iter()
        .flatten()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    match names.iter().find(|name| !found.contains(name)) {
        Some(name) => Err(format!("the certificate is not for {name}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(certificate: &str, key: &str) -> Zeroizing<String> {
        Zeroizing::new(format!("{certificate}{key}"))
    }

    #[test]
    fn what_does_not_fit_is_told_apart() {
        let made = |name: &str| {
            rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate")
        };
        let (a, b) = (made("a.example"), made("b.example"));
        let a_key = a.signing_key.serialize_pem();
        let names = ["a.example".to_owned()];
        let whole = Issued::new(pem(&a.cert.pem(), &a_key), &names).expect("it fits");
        let validity = whole.validity();
        assert!(validity.from < validity.until);
        let check = |text, expected: &str| {
            let error = Issued::new(text, &names).err().expect(expected);
            assert!(error.contains(expected), "{error}");
        };
        check(pem("", &a_key), "there is no certificate in it");
        check(pem(&a.cert.pem(), ""), "no private key");
        check(
            pem(&b.cert.pem(), &b.signing_key.serialize_pem()),
            "is not for a.example",
        );
        check(
            pem(&a.cert.pem(), &b.signing_key.serialize_pem()),
            "don't fit",
        );
        check(
            pem(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                &a_key,
            ),
            "can't be read",
        );
    }
}
