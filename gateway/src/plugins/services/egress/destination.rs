//! Destinations: what a guest wants to connect to, canonical.

use crate::plugins::input::NetError;
use std::fmt;
use std::net::IpAddr;
use url::Url;

/// A protocol that guests can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// Bytes.
    Tcp,
    /// Bytes over TLS.
    Tls,
}

impl Scheme {
    /// The scheme of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ws" => Self::Ws,
            "wss" => Self::Wss,
            "http" => Self::Http,
            "https" => Self::Https,
            "tcp" => Self::Tcp,
            "tls" => Self::Tls,
            _ => return None,
        })
    }

    /// Whether it is spoken over TLS.
    #[must_use]
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Wss | Self::Https | Self::Tls)
    }

    /// The port, where none is named.
    #[must_use]
    pub fn default_port(self) -> Option<u16> {
        match self {
            Self::Ws | Self::Http => Some(80),
            Self::Wss | Self::Https => Some(443),
            Self::Tcp | Self::Tls => None,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        })
    }
}

/// A host, spelled in one way only: names in lower case, as ASCII, without the root's dot; addresses as addresses, however
/// they were written (`0x7f.1`, `2130706433`), IPv4-mapped ones as IPv4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, to be resolved.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a host. An IPv6 address may stand in brackets or not.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(address.to_canonical()));
        }
        match url::Host::parse(text) {
            Ok(host) => Self::of_url(host),
            Err(error) => Err(error.to_string()),
        }
    }

    fn of_url<S: AsRef<str>>(host: url::Host<S>) -> Result<Self, String> {
        match host {
            url::Host::Ipv4(address) => Ok(Self::Address(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Address(IpAddr::V6(address).to_canonical())),
            url::Host::Domain(name) => {
                let name = name.as_ref();
                let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
                if name.is_empty() || name.split('.').any(str::is_empty) {
                    return Err("empty label".to_owned());
                }
                Ok(Self::Name(name))
            }
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// What a guest wants to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The protocol.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Destination {
    /// The destination of a URL of one of these schemes, and the URL.
    ///
    /// # Errors
    /// `Protocol`, where the URL is none, has another scheme, a user name or no host.
    pub fn of_url(text: &str, schemes: [Scheme; 2]) -> Result<(Self, Url), NetError> {
        let bad = |reason: String| NetError::Protocol(format!("bad URL: {reason}"));
        let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
        let Some(scheme) = Scheme::parse(url.scheme()).filter(|s| schemes.contains(s)) else {
            let [plain, tls] = schemes;
            return Err(bad(format!(
                "scheme {:?} is not {plain} or {tls}",
                url.scheme()
            )));
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad(
                "a user name has no place in it; use a header template".to_owned()
            ));
        }
        let host = url.host().ok_or_else(|| bad("no host".to_owned()))?;
        let host = Host::of_url(host).map_err(bad)?;
        let port = url.port_or_known_default().filter(|port| *port > 0);
        let port = port.ok_or_else(|| bad("no port".to_owned()))?;
        Ok((Self { scheme, host, port }, url))
    }

    /// A destination of bytes.
    ///
    /// # Errors
    /// `Protocol`, where the host is none or the port is 0.
    pub fn of_host(host: &str, port: u16, tls: bool) -> Result<Self, NetError> {
        let host = Host::parse(host)
            .map_err(|reason| NetError::Protocol(format!("bad host {host:?}: {reason}")))?;
        if port == 0 {
            return Err(NetError::Protocol("port 0".to_owned()));
        }
        let scheme = if tls { Scheme::Tls } else { Scheme::Tcp };
        Ok(Self { scheme, host, port })
    }

    /// Host and port, as in a `Host` header: without the scheme's own port.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.scheme.default_port() == Some(self.port) {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}
