//! TLS of a listener: where its certificate comes from, and what clients' certificates mean.

use super::acme::{self, Challenge};
use super::section::Section;
use std::path::PathBuf;

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Where its certificate comes from.
    pub certificate: Certificate,
    /// Clients' certificates. `None`: none is asked for.
    pub clients: Option<ClientCertificates>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// From files that somebody else writes.
    Files {
        /// The certificate and those between it and its root, as PEM.
        chain: PathBuf,
        /// Its key, as PEM.
        key: PathBuf,
    },
    /// From an ACME server, by `[acme]`.
    Acme {
        /// What it is for: sorted, lower-case, none twice.
        names: Vec<String>,
        /// How the names are proven.
        challenge: Challenge,
    },
}

/// Certificates of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// Who must have signed them, as PEM.
    pub authority: PathBuf,
    /// Whether there must be one; else who has none is as good as without.
    pub required: bool,
    /// The roles of those who have one.
    pub roles: Vec<String>,
}

impl Tls {
    /// Reads `tls` of a listener. `None`: there is none.
    pub(super) fn read(listener: &Section<'_>) -> Option<Self> {
        if !listener.has("tls") {
            return None;
        }
        let section = listener.section("tls");
        let authority = section.has("client-ca");
        for key in ["client-certificates", "client-roles"] {
            if section.has(key) && !authority {
                section.problem(key, "needs client-ca: who signs the clients' certificates");
            }
        }
        let clients = authority.then(|| ClientCertificates {
            authority: section.path("client-ca"),
            required: section.text("client-certificates").as_deref() == Some("required"),
            roles: section.texts("client-roles", |role| match role {
                "" => Err("a role has a name".to_owned()),
                _ => Ok(role.to_owned()),
            }),
        });
        Some(Self {
            certificate: Certificate::read(&section),
            clients,
        })
    }

    /// The names and the challenge, where its certificate comes from an ACME server.
    #[must_use]
    pub fn acme(&self) -> Option<(&[String], Challenge)> {
        match &self.certificate {
            Certificate::Acme { names, challenge } => Some((names, *challenge)),
            Certificate::Files { .. } => None,
        }
    }
}

/// The file, or the names.
impl std::fmt::Display for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files { chain, .. } => chain.display().fmt(f),
            Self::Acme { names, .. } => f.write_str(&names.join(", ")),
        }
    }
}

impl Certificate {
    fn read(section: &Section<'_>) -> Self {
        let files = section.has("certificate") || section.has("key");
        if section.has("acme") && files {
            let why = "the certificate comes from files (certificate and key) or from an ACME server (acme), not from both";
            section.problem("acme", why);
        }
        if section.has("challenge") && !section.has("acme") {
            let why = "needs acme: the names of the certificate that is ordered";
            section.problem("challenge", why);
        }
        if section.has("acme") {
            return Self::Acme {
                names: acme::names(section),
                challenge: match section.text("challenge").as_deref() {
                    Some("http-01") => Challenge::Http01,
                    _ => Challenge::TlsAlpn01,
                },
            };
        }
        for key in ["certificate", "key"] {
            if !section.has(key) {
                let why = "is missing; name the file, or have the certificate ordered: acme = [\"home.example.org\"]";
                section.problem(key, why);
            }
        }
        Self::Files {
            chain: section.path("certificate"),
            key: section.path("key"),
        }
    }
}
