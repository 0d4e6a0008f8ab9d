//! Proxies in front of a listener, and how they say for whom they ask.

use super::section::Section;
use ipnet::IpNet;
use std::net::IpAddr;

/// Proxies in front of a listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Their addresses; nobody else is believed.
    pub trusted: Vec<IpNet>,
    /// Where they name the client in a request.
    pub header: ForwardedHeader,
    /// Whether their connections begin with the PROXY protocol's header.
    pub proxy_protocol: bool,
}

/// Where proxies name the client in a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
    /// Nowhere.
    None,
}

impl Proxies {
    /// Reads a listener's.
    pub(super) fn read(section: &Section<'_>) -> Self {
        let net = |text: &str| {
            let net = text.parse::<IpNet>().ok();
            let net = net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            net.ok_or_else(|| {
                format!("{text:?} is no address; write it as \"10.0.0.2\" or \"10.0.0.0/8\"")
            })
        };
        let proxies = Self {
            trusted: section.texts("trusted-proxies", net),
            header: match section.text("forwarded").as_deref() {
                Some("forwarded") => ForwardedHeader::Forwarded,
                Some("none") => ForwardedHeader::None,
                _ => ForwardedHeader::XForwardedFor,
            },
            proxy_protocol: section.flag("proxy-protocol"),
        };
        if proxies.proxy_protocol && !section.has("trusted-proxies") {
            let why = "needs trusted-proxies: only they are believed";
            section.problem("proxy-protocol", why);
        }
        proxies
    }

    /// Whether an address is one of theirs.
    #[must_use]
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted.iter().any(|net| net.contains(&address))
    }
}
