//! The policy's rules, each as a table of allowed and refused addresses.

use super::*;

fn policy(grants: &[&str]) -> Policy {
    let read = |text: &&str| ConnectGrant::parse(text).expect("a grant");
    let grants: Vec<ConnectGrant> = grants.iter().map(read).collect();
    Policy::new(grants.clone(), grants)
}

/// The destination of a URL of any scheme.
fn destination(url: &str) -> Destination {
    let (scheme, rest) = url.split_once("://").expect("a scheme");
    match Scheme::parse(scheme).expect("a scheme") {
        Scheme::Tcp | Scheme::Tls => {
            let (host, port) = rest.rsplit_once(':').expect("a port");
            let port = port.parse().expect("a port");
            Destination::of_host(host, port, scheme == "tls").expect("a destination")
        }
        Scheme::Ws | Scheme::Wss => web(url, [Scheme::Ws, Scheme::Wss]),
        Scheme::Http | Scheme::Https => web(url, [Scheme::Http, Scheme::Https]),
    }
}

fn web(url: &str, schemes: [Scheme; 2]) -> Destination {
    Destination::of_url(url, schemes).expect("a destination").0
}

#[test]
fn destinations_must_be_named_by_a_grant() {
    for (grant, url, allowed) in [
        ("ws://ha.local:8123", "ws://ha.local:8123/api", true),
        ("ws://ha.local:8123", "ws://HA.local.:8123/api", true),
        ("ws://ha.local:8123", "ws://ha.local:8124/api", false),
        ("ws://ha.local:8123", "wss://ha.local:8123/api", false),
        ("ws://ha.local:8123", "http://ha.local:8123/api", false),
        ("ws://ha.local:8123", "ws://ha.local.evil.org:8123/", false),
        ("wss://*.example.org", "wss://a.example.org/", true),
        ("wss://*.example.org", "wss://a.b.example.org/", true),
        ("wss://*.example.org", "wss://example.org/", false),
        ("wss://*.example.org", "wss://badexample.org/", false),
        ("wss://*.example.org", "wss://a.example.org:8443/", false),
        ("https://*", "https://anything.example/", true),
        ("tcp://192.168.1.0/24:502", "tcp://192.168.1.77:502", true),
        ("tcp://192.168.1.0/24:502", "tcp://192.168.2.77:502", false),
        ("tcp://192.168.1.0/24:502", "tcp://plc.lan:502", false),
        ("tcp://host:8000-8100", "tcp://host:8050", true),
        ("tcp://host:8000-8100", "tcp://host:8101", false),
        ("tcp://host:1", "tls://host:1", false),
        ("http://127.0.0.1:80", "http://0x7f.1/", true),
        ("http://127.0.0.1:80", "http://2130706433/", true),
        ("http://127.0.0.1:80", "http://127.1/", true),
        ("http://127.0.0.1:80", "http://[::ffff:127.0.0.1]/", true),
        (
            "https://bücher.example",
            "https://xn--bcher-kva.example/",
            true,
        ),
    ] {
        let verdict = policy(&[grant]).admit(&destination(url));
        assert_eq!(verdict.is_ok(), allowed, "{grant} {url}: {verdict:?}");
    }
}

#[test]
fn both_a_grant_and_a_request_are_needed() {
    let grant = |text: &str| ConnectGrant::parse(text).expect("a grant");
    let to = destination("https://api.example.org/");
    let wide = vec![grant("https://*.example.org")];
    let other = vec![grant("https://other.example.org")];
    assert!(Policy::new(wide.clone(), wide.clone()).admit(&to).is_ok());
    assert!(Policy::new(wide.clone(), other.clone()).admit(&to).is_err());
    assert!(Policy::new(other, wide).admit(&to).is_err());
    assert!(Policy::default().admit(&to).is_err());
}

#[test]
fn addresses_are_filtered_by_what_the_grants_name() {
    for (grants, url, address, allowed) in [
        // Public addresses need no more than the name.
        (
            &["wss://*.example.org"][..],
            "wss://a.example.org",
            "93.184.216.34",
            true,
        ),
        (&["wss://*"], "wss://a.example.org", "2606:2800::1", true),
        // Private ones: the very name, the address or the range.
        (
            &["ws://ha.local:8123"],
            "ws://ha.local:8123",
            "192.168.1.4",
            true,
        ),
        (
            &["ws://ha.local:8123"],
            "ws://ha.local:8123",
            "100.64.0.9",
            true,
        ),
        (
            &["ws://ha.local:8123"],
            "ws://ha.local:8123",
            "fd12::4",
            true,
        ),
        (
            &["ws://ha.local:8123"],
            "ws://ha.local:8123",
            "::ffff:10.0.0.1",
            true,
        ),
        (&["wss://*.local"], "wss://ha.local", "192.168.1.4", false),
        (&["wss://*"], "wss://ha.local", "10.0.0.1", false),
        (&["wss://*"], "wss://10.0.0.1", "10.0.0.1", false),
        (
            &["wss://*.local", "wss://192.168.1.0/24:443"],
            "wss://ha.local",
            "192.168.1.4",
            true,
        ),
        (
            &["wss://*.local", "wss://192.168.1.0/24:443"],
            "wss://ha.local",
            "192.168.2.4",
            false,
        ),
        (
            &["wss://*.local", "https://192.168.1.0/24:443"],
            "wss://ha.local",
            "192.168.1.4",
            false,
        ),
        (
            &["tcp://192.168.1.0/24:502"],
            "tcp://192.168.1.4:502",
            "192.168.1.4",
            true,
        ),
        (
            &["tcp://10.0.0.0/8:*"],
            "tcp://10.9.9.9:1",
            "10.9.9.9",
            true,
        ),
        // Special ones: that very address and port, nothing else.
        (
            &["ws://ha.local:8123"],
            "ws://ha.local:8123",
            "127.0.0.1",
            false,
        ),
        (
            &["ws://ha.local:8123", "ws://127.0.0.1:8123"],
            "ws://ha.local:8123",
            "127.0.0.1",
            true,
        ),
        (
            &["ws://127.0.0.1:8123"],
            "ws://127.0.0.1:8123",
            "127.0.0.1",
            true,
        ),
        (
            &["ws://127.0.0.1:8123"],
            "ws://127.0.0.1:8123",
            "::ffff:127.0.0.1",
            true,
        ),
        (
            &["tcp://127.0.0.1:*"],
            "tcp://127.0.0.1:22",
            "127.0.0.1",
            false,
        ),
        (
            &["tcp://127.0.0.0/8:22"],
            "tcp://127.0.0.1:22",
            "127.0.0.1",
            false,
        ),
        (&["tcp://[::1]:22"], "tcp://[::1]:22", "::1", true),
        (
            &["ws://localhost:8123"],
            "ws://localhost:8123",
            "127.0.0.1",
            true,
        ),
        (&["ws://localhost:8123"], "ws://localhost:8123", "::1", true),
        (
            &["ws://localhost:8123"],
            "ws://localhost:8123",
            "127.0.0.2",
            false,
        ),
        (
            &["http://metadata.google.internal"],
            "http://metadata.google.internal",
            "169.254.169.254",
            false,
        ),
        (
            &["http://*"],
            "http://169.254.169.254",
            "169.254.169.254",
            false,
        ),
        (
            &["http://169.254.0.0/16"],
            "http://169.254.169.254",
            "169.254.169.254",
            false,
        ),
        (
            &["http://169.254.169.254"],
            "http://169.254.169.254",
            "169.254.169.254",
            true,
        ),
        (
            &["http://[fd00::/8]"],
            "http://[fd00:ec2::254]",
            "fd00:ec2::254",
            false,
        ),
        (
            &["tcp://printer:9100"],
            "tcp://printer:9100",
            "169.254.7.7",
            false,
        ),
        (
            &["tcp://printer:9100"],
            "tcp://printer:9100",
            "fe80::7",
            false,
        ),
        (
            &["tcp://host:1900"],
            "tcp://host:1900",
            "239.255.255.250",
            false,
        ),
        (&["tcp://host:1900"], "tcp://host:1900", "ff02::c", false),
        (&["tcp://host:80"], "tcp://host:80", "0.0.0.0", false),
        (&["tcp://host:80"], "tcp://host:80", "::", false),
        (
            &["tcp://host:80"],
            "tcp://host:80",
            "255.255.255.255",
            false,
        ),
        (
            &["tcp://host:80"],
            "tcp://host:80",
            "64:ff9b::7f00:1",
            false,
        ),
        (&["tcp://host:80"], "tcp://host:80", "2002:7f00:1::", false),
    ] {
        let verdict =
            policy(grants).admit_address(&destination(url), address.parse().expect("an address"));
        assert_eq!(
            verdict.is_ok(),
            allowed,
            "{grants:?} {url} {address}: {verdict:?}"
        );
    }
}

#[test]
fn a_refusal_names_the_missing_grant() {
    let verdict = policy(&["ws://ha.local:8123"]).admit_address(
        &destination("ws://ha.local:8123"),
        "127.0.0.1".parse().expect("an address"),
    );
    let Err(NetError::NotGranted(text)) = verdict else {
        panic!("{verdict:?}")
    };
    assert!(
        text.ends_with("needs a grant that names it: \"ws://127.0.0.1:8123\""),
        "{text}"
    );
}

#[test]
fn certificates_are_verified_unless_every_fitting_grant_waives_it() {
    let to = destination("wss://nas");
    let waived = policy(&["wss+unverified://nas"]);
    assert_eq!(waived.admit(&to), Ok(Verification::Waived));
    let both = policy(&["wss+unverified://*", "wss://nas"]);
    assert_eq!(both.admit(&to), Ok(Verification::Required));
    let tls = destination("tls://nas:443");
    assert!(policy(&["tls://nas:443"]).admit_unverified(&tls).is_err());
    assert!(
        policy(&["tls://nas:443", "tls+unverified://nas:443"])
            .admit_unverified(&tls)
            .is_ok()
    );
}

#[test]
fn urls_that_hide_something_are_refused() {
    for url in [
        "ws://user@host/",
        "ws://user:pw@host/",
        "ftp://host/",
        "ws://host:0/",
        "ws:///",
        "host",
    ] {
        let verdict = Destination::of_url(url, [Scheme::Ws, Scheme::Wss]);
        assert!(
            matches!(verdict, Err(NetError::Protocol(_))),
            "{url}: {verdict:?}"
        );
    }
}
