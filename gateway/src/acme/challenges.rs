//! The proofs that an ACME server asks for: an answer to its request (HTTP-01), a certificate of a kind of its own
//! (TLS-ALPN-01). Each is there while its order runs, and no longer.

use parking_lot::RwLock;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use std::collections::HashMap;
use std::sync::Arc;

/// The name of the protocol in which the server asks (RFC 8737, section 6.2).
pub const PROOF_PROTOCOL: &[u8] = b"acme-tls/1";
/// Where it asks over HTTP (RFC 8555, section 8.3).
const PATH: &str = "/.well-known/acme-challenge/";

/// The proofs that are asked for right now. Their number is that of the names of the order that runs.
#[derive(Debug, Clone, Default)]
pub struct Challenges(Arc<Tables>);

#[derive(Debug, Default)]
struct Tables {
    by_token: RwLock<HashMap<String, String>>,
    by_name: RwLock<HashMap<String, Arc<ServerConfig>>>,
}

/// A proof that can be seen until this is dropped.
#[derive(Debug)]
pub(super) struct Posted {
    tables: Arc<Tables>,
    key: Key,
}

#[derive(Debug)]
enum Key {
    Token(String),
    Name(String),
}

impl Challenges {
    /// The answer on a path, if an ACME server may ask there now.
    #[must_use]
    pub fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PATH)?;
        self.0.by_token.read().get(token).cloned()
    }

    /// What to make the handshake with that an ACME server begins for a name.
    #[must_use]
    pub fn proof(&self, name: &str) -> Option<Arc<ServerConfig>> {
        let name = name.to_ascii_lowercase();
        self.0.by_name.read().get(&name).cloned()
    }

    /// Answers a token with its key authorization.
    pub(super) fn post_token(&self, token: &str, authorization: &str) -> Posted {
        let mut tokens = self.0.by_token.write();
        tokens.insert(token.to_owned(), authorization.to_owned());
        Posted {
            tables: self.0.clone(),
            key: Key::Token(token.to_owned()),
        }
    }

    /// Shows a certificate with the digest of the key authorization (SHA-256) to whoever asks for the name.
    ///
    /// # Errors
    /// The certificate can't be made.
    pub(super) fn post_name(&self, name: &str, digest: &[u8]) -> Result<Posted, String> {
        let config = proof(name, digest)?;
        self.0.by_name.write().insert(name.to_owned(), config);
        Ok(Posted {
            tables: self.0.clone(),
            key: Key::Name(name.to_owned()),
        })
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        match &self.key {
            Key::Token(token) => drop(self.tables.by_token.write().remove(token)),
            Key::Name(name) => drop(self.tables.by_name.write().remove(name)),
        }
    }
}

/// RFC 8737, section 3: self-signed, the name alone, and the digest in a critical extension.
fn proof(name: &str, digest: &[u8]) -> Result<Arc<ServerConfig>, String> {
    if digest.len() != 32 {
        return Err("the digest of a key authorization has 32 bytes".to_owned());
    }
    let made = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(made)?;
    params.distinguished_name = DistinguishedName::new();
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(made)?;
    let certificate = params.self_signed(&key).map_err(made)?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = any_ecdsa_type(&key).map_err(|error| error.to_string())?;
    // Put together by hand: rustls would refuse to read a critical extension that it does not know.
    let shown = CertifiedKey::new(vec![certificate.der().clone()], key);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
    config.alpn_protocols = vec![PROOF_PROTOCOL.to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_while_its_order_runs() {
        let challenges = Challenges::default();
        let path = "/.well-known/acme-challenge/abc";
        assert_eq!(challenges.answer(path), None);
        let posted = challenges.post_token("abc", "abc.print");
        assert_eq!(challenges.answer(path).as_deref(), Some("abc.print"));
        for other in [
            "/.well-known/acme-challenge/",
            "/.well-known/acme-challenge/ab",
            "/.well-known/acme-challenge/abc/",
            "/abc",
        ] {
            assert_eq!(challenges.answer(other), None, "{other}");
        }
        drop(posted);
        assert_eq!(challenges.answer(path), None);
    }

    #[test]
    fn a_name_is_proven_while_its_order_runs() {
        let challenges = Challenges::default();
        let posted = challenges.post_name("home.example", &[7; 32]);
        let posted = posted.expect("a certificate can be made");
        let config = challenges.proof("Home.Example").expect("it is asked for");
        assert_eq!(config.alpn_protocols, [PROOF_PROTOCOL]);
        assert!(challenges.proof("example").is_none());
        drop(posted);
        assert!(challenges.proof("home.example").is_none());
        assert!(challenges.post_name("home.example", b"short").is_err());
    }
}
