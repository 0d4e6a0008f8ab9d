//! Who may ask: the API is not authenticated, so a web page must not be able to reach it through a browser
//! on the same machine.

use hyper::header::{HOST, HeaderMap, ORIGIN};
use hyper::http::uri::Authority;
use std::net::{IpAddr, SocketAddr};

/// Checks where a request comes from.
#[derive(Debug, Clone)]
pub struct Guard {
    bound: IpAddr,
    allowed_hosts: Vec<String>,
}

impl Guard {
    /// For a listener on that address, which may also be asked under these host names.
    #[must_use]
    pub fn new(bound: SocketAddr, allowed_hosts: Vec<String>) -> Self {
        Self {
            bound: bound.ip(),
            allowed_hosts,
        }
    }

    /// Whether a request may pass.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, headers: &HeaderMap, uri: &hyper::Uri) -> Result<(), String> {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        // An absolute request target stands above the header (RFC 9112, section 3.2.2). A request without
        // either is HTTP/1.0 from a health check; no browser sends one.
        let host = uri
            .authority()
            .map(Authority::as_str)
            .or(text(HOST.as_str()));
        if headers.get_all(HOST).iter().count() > 1
            || (headers.contains_key(HOST) && host.is_none())
        {
            return Err("the Host header is not valid".into());
        }
        if let Some(host) = host
            && !self.knows(host)
        {
            return Err(format!(
                "the admin API does not answer under the host name {host:?}; use its address, or add the name to admin.allowed-hosts"
            ));
        }
        match text("sec-fetch-site") {
            None | Some("same-origin" | "none") => {}
            Some(_) => {
                return Err("the admin API refuses browsers' requests from other sites".into());
            }
        }
        match (headers.get(ORIGIN).map(|o| o.to_str().ok()), host) {
            (None, _) => Ok(()),
            (Some(Some(origin)), Some(host))
                if origin.split_once("://").is_some_and(|(_, o)| o == host) =>
            {
                Ok(())
            }
            _ => Err("the admin API refuses browsers' requests from other origins".into()),
        }
    }

    fn knows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else {
            return false;
        };
        let name = authority.host().to_ascii_lowercase();
        if name == "localhost" || self.allowed_hosts.contains(&name) {
            return true;
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        // Where it listens on every interface it can't know its addresses; an address can't be rebound, a name can.
        bare.parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip == self.bound || self.bound.is_unspecified())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn check(bound: &str, headers: &[(&'static str, &str)], expected: bool) {
        let bound = bound.parse().expect("an address");
        let guard = Guard::new(bound, vec!["gate.example".into()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a value");
            map.append(HeaderName::from_static(name), value);
        }
        let uri = hyper::Uri::from_static("/readyz");
        let result = guard.check(&map, &uri);
        assert_eq!(result.is_ok(), expected, "{bound} {headers:?}: {result:?}");
    }

    #[test]
    fn only_its_own_names_pass() {
        for (host, expected) in [
            ("127.0.0.1:3002", true),
            ("localhost", true),
            ("LOCALHOST:3002", true),
            ("[::1]:3002", true),
            ("gate.example:3002", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("192.168.1.5:3002", false),
            ("a b", false),
            ("user@localhost", true),
        ] {
            check("127.0.0.1:3002", &[("host", host)], expected);
        }
        check("192.168.1.5:3002", &[("host", "192.168.1.5:3002")], true);
        check("0.0.0.0:3002", &[("host", "192.168.1.5:3002")], true);
        check("0.0.0.0:3002", &[("host", "evil.example")], false);
        check("127.0.0.1:3002", &[], true);
        check(
            "127.0.0.1:3002",
            &[("host", "localhost"), ("host", "evil.example")],
            false,
        );
    }

    #[test]
    fn browsers_on_other_sites_are_refused() {
        let host = ("host", "localhost:3002");
        let with =
            |name, value, expected| check("127.0.0.1:3002", &[host, (name, value)], expected);
        with("sec-fetch-site", "cross-site", false);
        with("sec-fetch-site", "same-site", false);
        with("sec-fetch-site", "same-origin", true);
        with("sec-fetch-site", "none", true);
        with("origin", "https://evil.example", false);
        with("origin", "null", false);
        with("origin", "http://localhost:3001", false);
        with("origin", "http://localhost:3002", true);
    }
}
