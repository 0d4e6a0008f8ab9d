//! What kind of address something is: the part of the policy that knows address ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How an address is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Anywhere on the internet.
    Public,
    /// Somebody's own network: RFC 1918, CGNAT (RFC 6598), unique local (RFC 4193), benchmarks (RFC 2544).
    Private,
    /// This machine, this link or nobody in particular; says which.
    Special(&'static str),
}

/// Judges an address. One that only wraps an IPv4 address (mapped, compatible, NAT64, 6to4) is judged as that one.
#[must_use]
pub fn classify(address: IpAddr) -> Class {
    match address.to_canonical() {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [127, ..] => Class::Special("loopback"),
        [0, ..] => Class::Special("unspecified"),
        // The metadata services of AWS, Google, Azure and others; Alibaba's and Oracle's are outside of link-local.
        [169, 254, 169, 254] | [100, 100, 100, 200] | [192, 0, 0, 192] => {
            Class::Special("metadata")
        }
        [169, 254, ..] => Class::Special("link-local"),
        [255, 255, 255, 255] => Class::Special("broadcast"),
        [224..=239, ..] => Class::Special("multicast"),
        [240..=255, ..] | [192, 0, 0, _] => Class::Special("reserved"),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [100, 64..=127, ..] | [198, 18..=19, ..] => Class::Private,
        _ => Class::Public,
    }
}

fn classify_v6(address: Ipv6Addr) -> Class {
    if let Some(wrapped) = wrapped_v4(address) {
        return classify_v4(wrapped);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Special("loopback"),
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Special("unspecified"),
        [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254] => Class::Special("metadata"),
        [0xfe80..=0xfebf, ..] => Class::Special("link-local"),
        [0xff00..=0xffff, ..] => Class::Special("multicast"),
        // Teredo hides an IPv4 address behind a server of somebody's choice.
        [0x2001, 0, ..] => Class::Special("Teredo"),
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Class::Private,
        // The NAT64 prefix for local use (RFC 8215).
        [0x0064, 0xff9b, 1, ..] => Class::Private,
        _ => Class::Public,
    }
}

fn wrapped_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x0064, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// Whether an address is one of this machine's own: only such a one can be bound.
#[must_use]
pub fn is_local(address: IpAddr) -> bool {
    address.is_loopback()
        || address.is_unspecified()
        || std::net::UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_judged_by_their_range() {
        for (address, expected) in [
            ("93.184.216.34", Class::Public),
            ("127.0.0.1", Class::Special("loopback")),
            ("127.255.0.9", Class::Special("loopback")),
            ("0.0.0.0", Class::Special("unspecified")),
            ("169.254.169.254", Class::Special("metadata")),
            ("169.254.1.1", Class::Special("link-local")),
            ("224.0.0.251", Class::Special("multicast")),
            ("239.255.255.250", Class::Special("multicast")),
            ("255.255.255.255", Class::Special("broadcast")),
            ("250.1.1.1", Class::Special("reserved")),
            ("10.0.0.1", Class::Private),
            ("172.15.0.1", Class::Public),
            ("172.16.0.1", Class::Private),
            ("172.31.255.255", Class::Private),
            ("172.32.0.1", Class::Public),
            ("192.168.1.1", Class::Private),
            ("100.63.0.1", Class::Public),
            ("100.64.0.1", Class::Private),
            ("100.127.255.255", Class::Private),
            ("100.128.0.1", Class::Public),
            ("::1", Class::Special("loopback")),
            ("::", Class::Special("unspecified")),
            ("fe80::1", Class::Special("link-local")),
            ("ff02::fb", Class::Special("multicast")),
            ("fd00:ec2::254", Class::Special("metadata")),
            ("fd12:3456::1", Class::Private),
            ("fc00::1", Class::Private),
            ("2606:2800:220:1::1", Class::Public),
            ("::ffff:127.0.0.1", Class::Special("loopback")),
            ("::ffff:192.168.0.1", Class::Private),
            ("::127.0.0.1", Class::Special("loopback")),
            ("64:ff9b::7f00:1", Class::Special("loopback")),
            ("64:ff9b::10.0.0.1", Class::Private),
            ("2002:7f00:1::1", Class::Special("loopback")),
            ("2002:c0a8:1::1", Class::Private),
        ] {
            let parsed = address.parse().expect(address);
            assert_eq!(classify(parsed), expected, "{address}");
        }
    }

    #[test]
    fn own_addresses_are_told_from_others() {
        assert!(is_local("127.0.0.1".parse().expect("an address")));
        assert!(!is_local("192.0.2.1".parse().expect("an address")));
    }
}
