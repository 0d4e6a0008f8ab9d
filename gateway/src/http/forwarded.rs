//! For whom a proxy asks: the client's address, where a proxy that is believed says it.

use crate::config::{ForwardedHeader, Proxies};
use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName};
use std::net::{IpAddr, SocketAddr};

/// The client's address: the peer's, or what a chain of trusted proxies says. Each of them adds, on the right, the one
/// that asked it; so the first from the right that is none of them is the client. What stands left of it anybody may
/// have written.
///
/// Of the port nothing is said: it is 0 where the address is not the peer's own.
#[must_use]
pub fn client(proxies: &Proxies, peer: SocketAddr, headers: &HeaderMap) -> SocketAddr {
    let own = peer.ip().to_canonical();
    match farthest(proxies, own, headers) {
        address if address == own => SocketAddr::new(own, peer.port()),
        address => SocketAddr::new(address, 0),
    }
}

fn farthest(proxies: &Proxies, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
    if !proxies.trusts(peer) {
        return peer;
    }
    let said = match proxies.header {
        ForwardedHeader::None => return peer,
        ForwardedHeader::XForwardedFor => {
            let name = HeaderName::from_static("x-forwarded-for");
            elements(headers, &name).map(address).collect::<Vec<_>>()
        }
        ForwardedHeader::Forwarded => elements(headers, &FORWARDED).map(forwarded_for).collect(),
    };
    let mut last = peer;
    for address in said.into_iter().rev() {
        // What can't be read ends the chain: the one who wrote it is the last that is known.
        let Some(address) = address else { return last };
        last = address;
        if !proxies.trusts(address) {
            return address;
        }
    }
    last
}

fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    let texts = values.map(|value| value.to_str().unwrap_or_default());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

/// `for` of an element as `for="[2001:db8::1]:4711";proto=https` (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address with or without a port; an IPv6 one perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn check(header: ForwardedHeader, peer: &str, values: &[&str], expected: &str) {
        let nets = ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"];
        let proxies = Proxies {
            trusted: nets.map(|net| net.parse().expect("a network")).to_vec(),
            header,
            proxy_protocol: false,
        };
        let mut headers = HeaderMap::new();
        for name in ["x-forwarded-for", "forwarded"] {
            for value in values {
                let value = HeaderValue::from_str(value).expect("a value");
                headers.append(HeaderName::from_static(name), value);
            }
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4711);
        let found = client(&proxies, peer, &headers);
        assert_eq!(found.ip().to_string(), expected, "{peer} {values:?}");
    }

    #[test]
    fn only_what_trusted_proxies_say_is_believed() {
        let check =
            |peer, values, expected| check(ForwardedHeader::XForwardedFor, peer, values, expected);
        check("192.0.2.1", &["198.51.100.7"], "192.0.2.1");
        check("127.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("::ffff:127.0.0.1", &["198.51.100.7"], "198.51.100.7");
        check("127.0.0.1", &[], "127.0.0.1");
        check(
            "127.0.0.1",
            &["1.2.3.4, 198.51.100.7, 10.1.1.1"],
            "198.51.100.7",
        );
        check("127.0.0.1", &["1.2.3.4", "198.51.100.7"], "198.51.100.7");
        check("127.0.0.1", &["10.1.1.1, 10.1.1.2"], "10.1.1.1");
        check("127.0.0.1", &["198.51.100.7, nonsense"], "127.0.0.1");
        check(
            "127.0.0.1",
            &["198.51.100.7, unknown, 10.1.1.1"],
            "10.1.1.1",
        );
        check("127.0.0.1", &["[2001:db8::1]:80"], "2001:db8::1");
        check("127.0.0.1", &["2001:db8::1"], "2001:db8::1");
        check("127.0.0.1", &["198.51.100.7:5555"], "198.51.100.7");
    }

    #[test]
    fn the_standard_header_is_read_where_it_is_chosen() {
        let check =
            |values, expected| check(ForwardedHeader::Forwarded, "127.0.0.1", values, expected);
        check(&["for=198.51.100.7;proto=https"], "198.51.100.7");
        check(
            &["for=1.2.3.4, For=\"[2001:db8::1]:4711\";by=10.0.0.1"],
            "2001:db8::1",
        );
        check(&["proto=https"], "127.0.0.1");
        check(&["for=_hidden"], "127.0.0.1");
    }

    #[test]
    fn nothing_is_read_where_nothing_is_to_be() {
        check(
            ForwardedHeader::None,
            "127.0.0.1",
            &["198.51.100.7"],
            "127.0.0.1",
        );
    }
}
