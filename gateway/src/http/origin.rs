//! From which web page a request comes (RFC 6454; the Fetch standard), and whether that page may ask.
//!
//! A browser says so in `Origin`, and no page can change what it says. Programs that are no browsers say nothing,
//! and are not what this guards against.

use crate::config::Origin;
use hyper::Request;
use hyper::header::{HOST, HeaderValue, ORIGIN};
use std::net::Ipv4Addr;

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visitor {
    /// From no web page of another origin: a program, a page of this very address, or an address typed in.
    Own,
    /// From a page that is allowed by name.
    Guest(HeaderValue),
    /// From a page, and any page is allowed.
    Anyone,
}

/// Finds out who asks.
///
/// # Errors
/// The origin of a page that may not ask.
pub fn visitor<B>(allowed: &[Origin], request: &Request<B>) -> Result<Visitor, String> {
    let mut values = request.headers().get_all(ORIGIN).iter();
    let Some(value) = values.next() else {
        return Ok(Visitor::Own);
    };
    let origin = match (value.to_str(), values.next()) {
        (Ok(origin), None) => origin,
        _ => return Err("an origin that can't be read".to_owned()),
    };
    if is_own(origin, request) {
        return Ok(Visitor::Own);
    }
    if allowed.contains(&Origin::Any) {
        return Ok(Visitor::Anyone);
    }
    match allowed.iter().any(|known| known.allows(origin)) {
        true => Ok(Visitor::Guest(value.clone())),
        false => Err(origin.chars().take(256).collect()),
    }
}

/// Names that no stranger can have (RFC 6761, 6762, 8375; .internal by ICANN; .lan by custom).
const AT_HOME: [&str; 5] = [".localhost", ".local", ".lan", ".home.arpa", ".internal"];

/// Whether it is a page of the address that is asked. The scheme is not compared: behind a proxy that ends TLS the
/// page's is `https` and ours is not.
///
/// That the names are the same proves nothing where anybody can have the name: who owns it can serve a page from one
/// address and then say that the name is at ours (DNS rebinding). Only a certificate, an address, or a name that is
/// given at home rules that out.
fn is_own<B>(origin: &str, request: &Request<B>) -> bool {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let target = request
        .uri()
        .authority()
        .map(|authority| authority.as_str());
    let Some(host) = target.or(host).filter(|host| !host.is_empty()) else {
        return false;
    };
    let Some((scheme, page)) = origin.split_once("://") else {
        return false;
    };
    let proven = scheme.eq_ignore_ascii_case("https") || !is_public(page);
    proven && page.eq_ignore_ascii_case(host)
}

/// Whether an authority's host is a name that anybody could own.
fn is_public(authority: &str) -> bool {
    if authority.starts_with('[') {
        return false;
    }
    let host = authority
        .split_once(':')
        .map_or(authority, |(host, _)| host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = host.to_ascii_lowercase();
    host.contains('.')
        && host.parse::<Ipv4Addr>().is_err()
        && !AT_HOME.iter().any(|end| host.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &[&str], headers: &[(&'static str, &str)], expected: Result<&str, ()>) {
        let mut request = Request::new(());
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            request.headers_mut().append(*name, value);
        }
        let allowed: Vec<_> = allowed
            .iter()
            .map(|o| Origin::parse(o).expect("an origin"))
            .collect();
        let found = visitor(&allowed, &request).map(|visitor| match visitor {
            Visitor::Own => "own",
            Visitor::Guest(_) => "guest",
            Visitor::Anyone => "anyone",
        });
        assert_eq!(found.map_err(|_| ()), expected, "{allowed:?} {headers:?}");
    }

    #[test]
    fn pages_of_other_origins_need_to_be_allowed() {
        let host = ("host", "gate.example:3001");
        let from = |origin| [host, ("origin", origin)];
        check(&[], &[host], Ok("own"));
        // A name that anybody may have, without TLS: where it leads, its owner says.
        check(&[], &from("http://gate.example:3001"), Err(()));
        check(
            &["http://gate.example:3001"],
            &from("http://gate.example:3001"),
            Ok("guest"),
        );
        check(&[], &from("https://GATE.example:3001"), Ok("own"));
        check(&[], &from("http://gate.example"), Err(()));
        check(&[], &from("http://evil.example"), Err(()));
        check(&[], &from("null"), Err(()));
        check(&[], &[("origin", "http://gate.example")], Err(()));
        check(
            &["https://dash.example"],
            &from("https://dash.example"),
            Ok("guest"),
        );
        check(
            &["https://dash.example"],
            &from("https://evil.example"),
            Err(()),
        );
        check(&["*"], &from("https://evil.example"), Ok("anyone"));
        check(&["*"], &from("null"), Ok("anyone"));
        check(&["*"], &from("\u{e9}"), Err(()));
        let two = [
            host,
            ("origin", "https://dash.example"),
            ("origin", "https://evil.example"),
        ];
        check(&["https://dash.example"], &two, Err(()));
    }

    #[test]
    fn a_page_is_own_where_its_name_can_be_nobody_elses() {
        for (host, own) in [
            ("localhost:3001", true),
            ("gate:3001", true),
            ("gate.local", true),
            ("Gate.LAN:3001", true),
            ("gate.home.arpa:3001", true),
            ("gate.internal", true),
            ("app.localhost:3001", true),
            ("192.168.1.20:3001", true),
            ("[fd00::1]:3001", true),
            ("rebind.example:3001", false),
            ("rebind.example", false),
            ("rebind.example.", false),
            ("192.168.1.20.rebind.example", false),
            ("evillan.example", false),
            ("notlocal", true),
        ] {
            let plain = format!("http://{host}");
            let expected = if own { Ok("own") } else { Err(()) };
            check(&[], &[("host", host), ("origin", &plain)], expected);
            let secure = format!("https://{host}");
            check(&[], &[("host", host), ("origin", &secure)], Ok("own"));
        }
    }
}
