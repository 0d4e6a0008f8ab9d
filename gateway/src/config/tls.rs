//! TLS of a listener: files, and what clients' certificates mean.

use super::section::Section;
use std::path::PathBuf;

/// TLS of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those between it and its root, as PEM.
    pub certificate: PathBuf,
    /// Its key, as PEM.
    pub key: PathBuf,
    /// Clients' certificates. `None`: none is asked for.
    pub clients: Option<ClientCertificates>,
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
    /// Reads `tls` of a listener. `None`: there is none, or it is wrong.
    pub(super) fn read(listener: &Section<'_>) -> Option<Self> {
        if !listener.has("tls") {
            return None;
        }
        let section = listener.section("tls");
        for key in ["certificate", "key"] {
            if !section.has(key) {
                section.problem(key, "is missing");
            }
        }
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
            certificate: section.path("certificate"),
            key: section.path("key"),
            clients,
        })
    }
}
