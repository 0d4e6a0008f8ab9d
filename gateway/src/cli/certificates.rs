//! What `hearthgate check` says about certificates that are to be ordered.

use crate::acme::check_authority;
use crate::config::{Challenge, Config};

/// The port at which a server asks for HTTP-01 (RFC 8555, section 8.3), and that for TLS-ALPN-01 (RFC 8737, section 3).
const PORTS: (u16, u16) = (80, 443);

/// A line for each thing to look at. Ports may be forwarded, so none of it is an error.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    let plain = |port| {
        let mut listeners = config.listeners.iter();
        listeners.any(|l| l.tls.is_none() && (l.address.port() == port))
    };
    let listeners = config.listeners.iter().enumerate();
    let listeners = listeners.map(|(i, l)| (format!("listener[{i}]"), l.address, &l.tls));
    let admin = config
        .admin
        .address
        .map(|a| ("admin".to_owned(), a, &config.admin.tls));
    let mut any = false;
    for (place, address, tls) in listeners.chain(admin) {
        let Some((names, challenge)) = tls.as_ref().and_then(|tls| tls.acme()) else {
            continue;
        };
        any = true;
        match challenge {
            Challenge::Http01 if !plain(PORTS.0) => found.push(format!(
                "{place}.tls.challenge: http-01: the ACME server asks on port 80, and no listener without TLS listens there; add one (address = \"0.0.0.0:80\", routes = []), or forward port 80 to one"
            )),
            Challenge::TlsAlpn01 if address.port() != PORTS.1 => found.push(format!(
                "{place}.tls.challenge: tls-alpn-01: the ACME server asks on port 443, and this listener is on {}; forward port 443 to it",
                address.port()
            )),
            _ => {}
        }
        let public = config.acme.directory.contains("letsencrypt.org");
        if let Some(name) = names.iter().find(|name| public && is_local(name)) {
            found.push(format!(
                "{place}.tls.acme: {name:?} is a name of a home's own network: Let's Encrypt issues no certificate for it; a server of your own does (acme.directory, acme.ca)"
            ));
        }
    }
    if !any {
        return found;
    }
    if config.acme.directory.contains("staging") {
        found.push("acme.directory: the staging server: no client trusts its certificates; remove the line when orders succeed".to_owned());
    }
    if let Some(path) = &config.acme.authority
        && let Err(why) = check_authority(path)
    {
        found.push(why);
    }
    found
}

/// Names that no public authority certifies (RFC 6761, RFC 6762, RFC 8375), and those that home routers make up.
fn is_local(name: &str) -> bool {
    const ENDS: [&str; 7] = [
        ".local",
        ".localhost",
        ".home.arpa",
        ".internal",
        ".lan",
        ".home",
        ".test",
    ];
    !name.contains('.') || ENDS.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_keep_an_order_from_succeeding_is_warned_of() {
        let check = |address: &str, tls: &str, acme: &str, expected: &[&str]| {
            let text = format!(
                "[[listener]]\naddress = {address:?}\nroutes = []\ntls = {{ {tls} }}\n[acme]\nterms-of-service-agreed = true\n{acme}"
            );
            let config = Config::parse(&text).unwrap_or_else(|e| panic!("{e}"));
            let found = warnings(&config);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (line, word) in found.iter().zip(expected) {
                assert!(line.contains(word), "{word}: {line}");
            }
        };
        let home = "acme = [\"home.example.org\"]";
        check("0.0.0.0:443", home, "", &[]);
        check("0.0.0.0:3443", home, "", &["forward port 443"]);
        let http = &format!("{home}, challenge = \"http-01\"");
        check("0.0.0.0:3443", http, "", &["no listener without TLS"]);
        let plain = "[[listener]]\naddress = \"0.0.0.0:80\"\nroutes = []";
        check("0.0.0.0:3443", http, plain, &[]);
        let local = "acme = [\"gate.lan\"]";
        check("0.0.0.0:443", local, "", &["own network"]);
        let own = "directory = \"https://ca.lan/acme/directory\"";
        check("0.0.0.0:443", local, own, &[]);
        let gone = format!("{own}\nca = \"no-such-file.pem\"");
        check("0.0.0.0:443", local, &gone, &["no-such-file.pem"]);
        let staging = "directory = \"https://acme-staging-v02.api.letsencrypt.org/directory\"";
        check("0.0.0.0:443", home, staging, &["staging"]);
    }
}
