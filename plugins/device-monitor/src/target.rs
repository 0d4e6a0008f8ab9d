//! Addresses: `SCHEME://HOST[:PORT][/PATH]`.

/// An address, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `tcp`, `tls`, `http` or `https`.
    pub scheme: String,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The whole, as it was written.
    pub url: String,
}

impl Target {
    /// Reads one.
    ///
    /// # Errors
    /// Says what it should have been.
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url
            .split_once("://")
            .ok_or("must be like tcp://host:port or https://host/path")?;
        let default = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            "tcp" | "tls" => None,
            _ => return Err("the scheme is one of tcp, tls, http, https".to_owned()),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if default.is_none() && !matches!(path, "" | "/") {
            return Err(format!("{scheme}:// takes a host and a port, no path"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or("an IPv6 address ends with ]")?,
            None => authority.split_at(authority.rfind(':').unwrap_or(authority.len())),
        };
        let port = match (port.strip_prefix(':'), default) {
            (Some(port), _) => port
                .parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or("the port is a number from 1 to 65535")?,
            (None, Some(default)) => default,
            (None, None) => return Err(format!("{scheme}:// needs a port")),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c == '@') {
            return Err("there is no host, or one with a user name".to_owned());
        }
        Ok(Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port,
            url: url.to_owned(),
        })
    }

    /// As the host names a connection to it.
    #[must_use]
    pub fn tcp_url(&self) -> String {
        match self.host.contains(':') {
            true => format!("tcp://[{}]:{}", self.host, self.port),
            false => format!("tcp://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |url: &str, expected: Option<(&str, u16)>| {
            let found = Target::parse(url);
            let found = found.as_ref().map(|t| (t.host.as_str(), t.port)).ok();
            assert_eq!(found, expected, "{url}");
        };
        check("tcp://192.168.1.1:80", Some(("192.168.1.1", 80)));
        check("tls://mail.example:993/", Some(("mail.example", 993)));
        check("http://printer.lan/status?x=1", Some(("printer.lan", 80)));
        check("https://[fd00::7]", Some(("fd00::7", 443)));
        check("https://a.example:8443/x:9/y", Some(("a.example", 8443)));
        for none in [
            "",
            "host:80",
            "tcp://host",
            "tcp://host:0",
            "tcp://host:70000",
            "tcp://host:1/x",
            "ws://host",
            "http://",
            "http://a@b/",
            "https://[fd00::7",
        ] {
            check(none, None);
        }
    }
}
