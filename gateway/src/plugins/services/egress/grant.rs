//! Grants of destinations, as operators write them.
//!
//! `SCHEME://HOST:PORT`, where the scheme is `ws`, `wss`, `http`, `https`, `tcp` or `tls` (`wss+unverified`,
//! `https+unverified` and `tls+unverified` allow any certificate); the host a name, an address, a range
//! (`192.168.1.0/24`, `[fd00::/8]`), `*.example.org` (any name below it) or `*` (any host with a public address); and
//! the port a number, a range (`8000-8100`) or `*`. HTTP and WebSocket ports have their defaults, 80 and 443.

use super::destination::{Destination, Host, Scheme};
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// A destination, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectGrant {
    pub(super) scheme: Scheme,
    pub(super) unverified: bool,
    pub(super) host: HostPattern,
    pub(super) ports: Ports,
}

/// Hosts that a grant names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum HostPattern {
    /// Every host with a public address.
    Any,
    /// One name.
    Name(String),
    /// Every name below this one.
    Below(String),
    /// An address (a range of full length) or a range of them.
    Range(IpNet),
}

/// Ports that a grant names, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) first: u16,
    pub(super) last: u16,
}

/// What is wrong with a grant, and what it should have been.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GrantError(pub String);

impl ConnectGrant {
    /// Reads an operator's grant.
    ///
    /// # Errors
    /// Says what is wrong and what it should have been.
    pub fn parse(text: &str) -> Result<Self, GrantError> {
        let (grant, path) = read(text)?;
        if path.is_empty() {
            return Ok(grant);
        }
        Err(GrantError(format!(
            "{text:?} has a path, but a grant names host and port only: write \"{grant}\""
        )))
    }

    /// Reads a manifest's request. As a grant, but a whole URL (of a configuration value) is taken for its origin.
    ///
    /// # Errors
    /// As [`ConnectGrant::parse`].
    pub fn parse_request(text: &str) -> Result<Self, GrantError> {
        Ok(read(text)?.0)
    }

    /// Whether some destination fits both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.ports.first <= other.ports.last
            && other.ports.first <= self.ports.last
            && (self.host.covers(&other.host) || other.host.covers(&self.host))
    }

    /// Whether each destination that fits `other` fits this too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && (self.unverified || !other.unverified)
            && self.ports.first <= other.ports.first
            && self.ports.last >= other.ports.last
            && self.host.covers(&other.host)
    }

    /// Whether a destination fits, as far as its name or address tells.
    pub(super) fn fits(&self, destination: &Destination) -> bool {
        self.scheme == destination.scheme
            && self.ports.contains(destination.port)
            && self.host.fits(&destination.host)
    }

    /// Whether this names an address itself, by a range that has it.
    pub(super) fn names_range_of(&self, scheme: Scheme, address: IpAddr, port: u16) -> bool {
        self.scheme == scheme
            && self.ports.contains(port)
            && matches!(&self.host, HostPattern::Range(range) if range.contains(&address))
    }

    /// Whether this names that very address and port, and nothing else. `localhost` is 127.0.0.1 and ::1 (RFC 6761).
    pub(super) fn names_exactly(&self, scheme: Scheme, address: IpAddr, port: u16) -> bool {
        let very_address = match &self.host {
            HostPattern::Range(range) => {
                range.prefix_len() == range.max_prefix_len() && range.addr() == address
            }
            HostPattern::Name(name) => {
                name == "localhost" && super::resolver::LOCALHOST.contains(&address)
            }
            HostPattern::Any | HostPattern::Below(_) => false,
        };
        self.scheme == scheme && self.ports.first == port && self.ports.last == port && very_address
    }
}

impl HostPattern {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (Self::Name(a), Self::Name(b)) => a == b,
            (Self::Below(base), Self::Name(name)) => is_below(name, base),
            (Self::Below(base), Self::Below(other)) => other == base || is_below(other, base),
            (Self::Range(a), Self::Range(b)) => a.contains(b),
            _ => false,
        }
    }

    fn fits(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Name(a), Host::Name(b)) => a == b,
            (Self::Below(base), Host::Name(name)) => is_below(name, base),
            (Self::Range(range), Host::Address(address)) => range.contains(address),
            _ => false,
        }
    }
}

impl Ports {
    fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

fn is_below(name: &str, base: &str) -> bool {
    name.strip_suffix(base)
        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

impl fmt::Display for ConnectGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let marker = if self.unverified { "+unverified" } else { "" };
        write!(f, "{}{marker}://", self.scheme)?;
        match &self.host {
            HostPattern::Any => f.write_str("*")?,
            HostPattern::Name(name) => f.write_str(name)?,
            HostPattern::Below(base) => write!(f, "*.{base}")?,
            HostPattern::Range(range) => {
                let whole = range.prefix_len() == range.max_prefix_len();
                match (range, whole) {
                    (IpNet::V4(range), true) => write!(f, "{}", range.addr())?,
                    (IpNet::V4(range), false) => write!(f, "{range}")?,
                    (IpNet::V6(range), true) => write!(f, "[{}]", range.addr())?,
                    (IpNet::V6(range), false) => write!(f, "[{range}]")?,
                }
            }
        }
        match (self.ports.first, self.ports.last) {
            (1, u16::MAX) => f.write_str(":*"),
            (first, last) if first == last => write!(f, ":{first}"),
            (first, last) => write!(f, ":{first}-{last}"),
        }
    }
}

/// Reads a grant and what follows its authority.
fn read(text: &str) -> Result<(ConnectGrant, &str), GrantError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(GrantError(format!(
            "{text:?} has no scheme: write for example \"ws://{text}\" or \"tcp://{text}\""
        )));
    };
    let (scheme, unverified) = read_scheme(text, scheme)?;
    let authority = rest.split(['?', '#']).next().unwrap_or(rest);
    if authority.contains('@') {
        return Err(GrantError(format!(
            "{text:?} has a user name, but a grant names host and port only; give credentials as secrets"
        )));
    }
    let (host, tail) = split_host(authority);
    let host = read_host(text, host)?;
    let (ports, path) = match tail.strip_prefix(':') {
        Some(tail) => {
            let end = tail.find('/').unwrap_or(tail.len());
            (
                read_ports(text, &tail[..end])?,
                &rest[rest.len().min(offset(rest, tail) + end)..],
            )
        }
        None => (
            default_ports(text, scheme)?,
            &rest[rest.len().min(offset(rest, tail))..],
        ),
    };
    let grant = ConnectGrant {
        scheme,
        unverified,
        host,
        ports,
    };
    Ok((grant, if path == "/" { "" } else { path }))
}

/// Where `part`, a slice of `whole`, begins in it.
fn offset(whole: &str, part: &str) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

fn read_scheme(text: &str, scheme: &str) -> Result<(Scheme, bool), GrantError> {
    let lower = scheme.to_ascii_lowercase();
    let (name, unverified) = match lower.strip_suffix("+unverified") {
        Some(name) => (name, true),
        None => (&*lower, false),
    };
    let Some(scheme) = Scheme::parse(name) else {
        return Err(GrantError(format!(
            "{text:?}: unknown scheme {scheme:?}; it is one of ws, wss, http, https, tcp, tls"
        )));
    };
    if unverified && !scheme.is_tls() {
        return Err(GrantError(format!(
            "{text:?}: {scheme} has no certificate; +unverified goes with wss, https and tls"
        )));
    }
    Ok((scheme, unverified))
}

/// Splits `HOST`, `1.2.3.0/24`, `[::1]`, `[fd00::/8]` or `[fd00::]/8` from what follows.
fn split_host(authority: &str) -> (&str, &str) {
    let bare = if authority.starts_with('[') {
        authority.find(']').map_or(authority.len(), |end| end + 1)
    } else {
        authority.find([':', '/']).unwrap_or(authority.len())
    };
    let (host, tail) = authority.split_at(bare);
    let is_address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
    let Some(length) = tail.strip_prefix('/').filter(|_| is_address) else {
        return (host, tail);
    };
    let digits = length.bytes().take_while(u8::is_ascii_digit).count();
    let ends = matches!(length.as_bytes().get(digits), None | Some(b':'));
    if digits == 0 || !ends {
        return (host, tail);
    }
    authority.split_at(bare + 1 + digits)
}

fn read_host(text: &str, host: &str) -> Result<HostPattern, GrantError> {
    if host == "*" {
        return Ok(HostPattern::Any);
    }
    if host.contains('/') {
        return read_range(text, host);
    }
    let (below, name) = match host.strip_prefix("*.") {
        Some(base) => (true, base),
        None => (false, host),
    };
    if name.contains('*') {
        return Err(GrantError(format!(
            "{text:?}: * stands only for a whole leading label (\"*.example.org\") or a whole host"
        )));
    }
    match (Host::parse(name), below) {
        (Ok(Host::Name(name)), true) => Ok(HostPattern::Below(name)),
        (Ok(Host::Name(name)), false) => Ok(HostPattern::Name(name)),
        (Ok(Host::Address(address)), false) => Ok(HostPattern::Range(address.into())),
        (Ok(Host::Address(_)), true) => Err(GrantError(format!(
            "{text:?}: write a range of addresses as \"192.168.1.0/24\""
        ))),
        (Err(reason), _) => Err(GrantError(format!("{text:?}: bad host {host:?}: {reason}"))),
    }
}

fn read_range(text: &str, host: &str) -> Result<HostPattern, GrantError> {
    let plain: String = host.chars().filter(|c| !matches!(c, '[' | ']')).collect();
    let range: IpNet = plain.parse().map_err(|_| {
        GrantError(format!(
            "{text:?}: bad range {host:?}; write \"192.168.1.0/24\""
        ))
    })?;
    if range.trunc() != range {
        return Err(GrantError(format!(
            "{text:?}: {host} is not the beginning of a range; write {}",
            range.trunc()
        )));
    }
    Ok(HostPattern::Range(unmapped(range)))
}

/// A range of IPv4-mapped IPv6 addresses, as the IPv4 range that it means.
fn unmapped(range: IpNet) -> IpNet {
    let IpNet::V6(v6) = range else { return range };
    match v6.addr().to_ipv4_mapped() {
        Some(v4) if v6.prefix_len() >= 96 => {
            ipnet::Ipv4Net::new(v4, v6.prefix_len() - 96).map_or(range, IpNet::V4)
        }
        _ => range,
    }
}

fn read_ports(text: &str, ports: &str) -> Result<Ports, GrantError> {
    if ports == "*" {
        return Ok(Ports {
            first: 1,
            last: u16::MAX,
        });
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) if 0 < first && first <= last => Ok(Ports { first, last }),
        _ => Err(GrantError(format!(
            "{text:?}: bad port {ports:?}; it is a number from 1 to 65535, a range as 8000-8100, or *"
        ))),
    }
}

fn default_ports(text: &str, scheme: Scheme) -> Result<Ports, GrantError> {
    match scheme.default_port() {
        Some(port) => Ok(Ports {
            first: port,
            last: port,
        }),
        None => Err(GrantError(format!(
            "{text:?} has no port: write for example \"{}:502\"",
            text.trim_end_matches('/')
        ))),
    }
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
