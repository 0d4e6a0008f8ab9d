//! `[acme]`: who issues certificates, and under what account. Which names they are for is said by the listeners.

use super::section::Section;
use std::path::PathBuf;
use std::time::Duration;

/// Most names of one certificate: what Let's Encrypt allows.
const MAX_NAMES: usize = 100;

/// The ACME server (RFC 8555) and the account there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The address of its directory.
    pub directory: String,
    /// Where it may reach the operator: `mailto:` addresses.
    pub contact: Vec<String>,
    /// Whether the operator agreed to its terms. Without that nothing is asked of it.
    pub terms_agreed: bool,
    /// Who signed the server's own certificate, besides those whom the system trusts, as PEM.
    pub authority: Option<PathBuf>,
    /// The wait after a first failure; it doubles with each that follows.
    pub retry: Duration,
}

/// How a name is proven to be the gateway's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Challenge {
    /// By a file on port 80 (RFC 8555, section 8.3).
    Http01,
    /// By a certificate on port 443 (RFC 8737).
    TlsAlpn01,
}

impl Challenge {
    /// As the configuration and the protocol write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

impl Acme {
    /// Reads `[acme]`.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let directory = section.text("directory").unwrap_or_default();
        if let Err(why) = check_directory(&directory) {
            section.problem("directory", why);
        }
        Self {
            directory,
            contact: section.texts("contact", |text| match text.strip_prefix("mailto:") {
                Some(address) if address.contains('@') => Ok(text.to_owned()),
                _ => Err(format!(
                    "{text:?} is no contact; write it as \"mailto:you@example.org\""
                )),
            }),
            terms_agreed: section.flag("terms-of-service-agreed"),
            authority: section.has("ca").then(|| section.path("ca")),
            retry: section.span("retry"),
        }
    }
}

/// Who can change an answer on the way could have the account's key sign something else.
fn check_directory(text: &str) -> Result<(), String> {
    let wrong = || format!("{text:?} is no address; write it as \"https://host/directory\"");
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    let here = match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => return Err(wrong()),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if here => Ok(()),
        "http" => Err("must be https: what an ACME server says must not be changed on the way; a private one's certificate is trusted with `ca`".into()),
        _ => Err(wrong()),
    }
}

/// Reads the names of a certificate: lower-case, sorted, none twice, at least one.
pub(super) fn names(section: &Section<'_>) -> Vec<String> {
    let mut names = section.texts("acme", check_name);
    match names.len() {
        0 => section.problem(
            "acme",
            "name at least one host, as in [\"home.example.org\"]",
        ),
        1..=MAX_NAMES => {}
        _ => section.problem(
            "acme",
            format!("a certificate has at most {MAX_NAMES} names"),
        ),
    }
    names.sort();
    names.dedup();
    names
}

fn check_name(text: &str) -> Result<String, String> {
    if text.starts_with("*.") {
        return Err(format!(
            "{text:?}: certificates with wildcards need the challenge dns-01, which the gateway can't answer; name each host, or have another program write the certificate and name its files (certificate, key)"
        ));
    }
    if text.parse::<std::net::IpAddr>().is_ok() {
        return Err(format!(
            "{text:?} is an address; certificates are ordered for host names"
        ));
    }
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    match text.len() <= 253 && text.split('.').all(label) {
        true => Ok(text.to_ascii_lowercase()),
        false => Err(format!(
            "{text:?} is no host name; write it as \"home.example.org\", without scheme, port and path, and a name with other letters in its form xn--…"
        )),
    }
}
